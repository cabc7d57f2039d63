// The rules of the shelf on the sentence above, at rates to move; the server applies them and asks the teacher.
let seed = 0, timer = 0
const rates = props.rules.map((rule) => {
  const knob = slider({ label: rule.label, min: 0, max: 1, step: 0.01, value: rule.rate, show: (now) => percent(now, 0) })
  knob.append(h('small', {}, rule.help))
  knob.settled(() => { clearTimeout(timer); timer = setTimeout(vary, 150) })
  return [rule.name, knob]
})
const list = h('div', { class: 'made' }), caption = statusLine()
const shuffle = press(say('augment.shuffle'), () => { seed = Math.floor(Math.random() * 2 ** 31); vary() })
stage.append(h('div', { class: 'two narrow' }, h('div', { class: 'knobs-column' }, rates.map(([, knob]) => knob), h('div', { class: 'presets' }, shuffle)),
  h('div', {}, list, caption)))

let wanted = false
function vary() {
  if (!wanted) return
  list.classList.add('busy')
  const [text, text2] = sentence()
  trigger('vary', { run: run(), text, text2, seed, rates: Object.fromEntries(rates.map(([name, knob]) => [name, knob.get()])) })
}

// `html` comes from the server with every text in it escaped
function child({ html, rules, said: probabilities }) {
  const text = h('p', {})
  text.innerHTML = html
  const shares = probabilities && bars('teacher', Object.entries(probabilities).map(([name, share]) => ({ name, share })))
  return h('div', { class: 'child' }, h('div', {}, text, h('p', { class: 'rule' }, h('span', { class: 'chip' }, rules))), shares)
}

on('offspring', (message) => {
  list.classList.remove('busy')
  if (message.fault) { list.replaceChildren(); caption.textContent = message.fault; return }
  list.replaceChildren(...message.texts.map(child))
  const [original, ...offspring] = message.texts, top = (shares) => Object.keys(shares).reduce((a, b) => (shares[a] >= shares[b] ? a : b))
  if (!offspring.length) caption.textContent = say('augment.none')
  else if (!original.said) caption.textContent = say('augment.made', { n: offspring.length })
  else caption.textContent = say('augment.told', { n: offspring.length, label: top(original.said),
    same: offspring.filter((one) => top(one.said) === top(original.said)).length })
})
on('reading', vary)
near(stage, () => { wanted = true; if (last.reading) vary() })
caption.textContent = say('loading')
