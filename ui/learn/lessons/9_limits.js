// When not to distil: signs to tick, and the teacher off its own ground.
const SIGNS = ['few', 'pairs', 'teacher', 'control', 'floor', 'far', 'rows', 'domain']
const boxes = SIGNS.map((sign) => h('input', { type: 'checkbox', id: `sign-${sign}`, onchange: count }))
const verdict = statusLine('verdict'), answer = h('div', { class: 'answers' }), off = statusLine()
const strange = props.strange.map((text) => press(text, () => ask(text)))
stage.append(
  h('ul', { class: 'signs' }, SIGNS.map((sign, at) => h('li', {}, boxes[at], h('div', {}, h('label', { for: `sign-${sign}` }, say(`limits.${sign}`)),
    h('p', {}, say(`limits.${sign}.text`)), h('p', { class: 'shown' }, say(`limits.${sign}.shown`)))))),
  verdict, h('h3', {}, say('limits.off')), h('p', {}, say('limits.off.text')), h('div', { class: 'presets' }, strange), answer, off)

function count() {
  const n = boxes.filter((box) => box.checked).length
  verdict.textContent = say(n === 0 ? 'limits.told.none' : n < 3 ? 'limits.told.some' : 'limits.told.many', { n, all: SIGNS.length })
}
on('reading', ({ teacher, labels }) => {
  if (!teacher) { off.textContent = say('gone'); return }
  const shares = believed(teacher), top = best(shares)
  answer.replaceChildren(bars('teacher', labels.map((name, label) => ({ name, share: shares[label] }))))
  off.textContent = say('limits.off.told', { text: sentence()[0], label: labels[top], share: percent(shares[top]) })
})
count()
