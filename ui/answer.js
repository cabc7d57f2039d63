// A teacher's answer under a temperature: the logits come from the server, the softmax is taken here, live.
const $ = (query) => element.querySelector(query)
const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? '' })

function show() {
  const said = props.value
  $('.empty').hidden = !!said
  $('label').hidden = $('.chip').hidden = !said
  if (!said) { $('.bars').replaceChildren(); return }
  const heat = Number($('input').value), top = Math.max(...said.logits)
  const powers = said.logits.map((logit) => Math.exp((logit - top) / heat)), all = powers.reduce((a, b) => a + b, 0)
  const best = said.logits.indexOf(top)
  $('output').textContent = heat.toFixed(1)
  $('.chip').textContent = `${said.ms.toFixed(said.ms < 10 ? 1 : 0)} ms`
  $('.bars').replaceChildren(...said.labels.map((label, index) => {
    const row = make('div', index === best ? 'bar best' : 'bar'), track = make('span', 'track'), fill = make('i', '')
    fill.style.setProperty('--share', powers[index] / all)
    track.append(fill)
    row.append(make('span', 'name', label), track, make('span', 'value', `${(100 * powers[index] / all).toFixed(1)} %`))
    return row
  }))
}

element.addEventListener('input', (event) => { if (event.target.matches('input')) show() })
watch('value', show)
show()
