// A teacher's answer under a temperature: the logits come from the server, the softmax is taken here, live.
const $ = (query) => element.querySelector(query)
const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? '' })
const words = $('.answer').dataset
const figure = window.stillroomNumber
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key])

function show() {
  const reply = props.value
  $('.empty').hidden = !!reply
  $('label').hidden = $('.chip').hidden = $('.doubt').hidden = !reply
  if (!reply) { $('.bars').replaceChildren(); return }
  const heat = Number($('input').value), top = Math.max(...reply.logits)
  const powers = reply.logits.map((logit) => Math.exp((logit - top) / heat)), all = powers.reduce((a, b) => a + b, 0)
  const shares = powers.map((power) => power / all), best = reply.logits.indexOf(top)
  $('output').textContent = `T = ${figure(heat, 1)}`
  $('.chip').textContent = `${figure(reply.ms, reply.ms < 10 ? 1 : 0)}\u00a0ms`
  $('.bars').replaceChildren(...reply.labels.map((label, index) => {
    const row = make('div', index === best ? 'bar best' : 'bar'), track = make('span', 'track'), bar = make('i', '')
    bar.style.setProperty('--share', shares[index])
    track.append(bar)
    row.append(make('span', 'name', label), track, make('span', 'value', percent(shares[index])))
    return row
  }))
  doubt(reply.labels, shares, best)
}

const percent = (share) => window.stillroomPercent(share, share > 0.9995 || share < 0.0005 ? 3 : 1)

// What the temperature brings out, in words: the entropy, and the share that the plain label hides.
function doubt(labels, shares, best) {
  const bits = -shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log2(share) : 0), 0)
  const order = shares.map((_, index) => index).sort((a, b) => shares[b] - shares[a])
  const [, second] = order, last = order.at(-1)
  const values = {
    bits: figure(bits, 2), most: figure(Math.log2(labels.length), 2), best: labels[best], label: labels[second],
    share: percent(shares[second]), last: labels[last], times: figure(shares[second] / shares[last], 1),
  }
  const kind = shares[second] < 0.0005 ? 'sure' : labels.length > 2 ? 'many' : 'two'
  $('.doubt').textContent = `${fill(words.entropy, values)} ${fill(words[kind], values)}`
}

element.addEventListener('input', (event) => { if (event.target.matches('input')) show() })
watch('value', show)
show()
