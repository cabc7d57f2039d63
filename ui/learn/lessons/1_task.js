// What distilling is: six parts and who hands what to whom. A part is read by pressing it.
const parts = ['labelled', 'transfer', 'teacher', 'student', 'control', 'comparison']
// from, to, where the arrow leaves and arrives (shares of the boxes' width and height), and whom its colour belongs to
const arrows = [
  ['labelled', 'transfer', [0.5, 1], [0.5, 0], ''], ['labelled', 'control', [1, 0.5], [0, 0.5], 'control'],
  ['transfer', 'teacher', [1, 0.5], [0, 0.5], ''], ['teacher', 'student', [1, 0.5], [0, 0.5], 'teacher'],
  ['teacher', 'comparison', [0.5, 1], [0.25, 0], 'teacher'], ['student', 'comparison', [0.5, 1], [0.75, 0], 'student'],
]
const lines = s('svg', { class: 'arrows', 'aria-hidden': 'true' })
const buttons = Object.fromEntries(parts.map((part) => [part,
  h('button', { type: 'button', class: `part ${part}`, 'aria-pressed': part === 'teacher', onclick: () => choose(part) },
    h('b', {}, say(props.words[`task.${part}`] ? `task.${part}` : part)), h('small', {}, say(`task.${part}.short`)))]))
const figure = h('div', { class: 'flow', role: 'group', 'aria-label': say('task.figure') }, lines, Object.values(buttons))
const text = h('p', {}), detail = h('p', { class: 'here' })
stage.append(figure, h('div', { class: 'reading', role: 'status' }, text, detail))
let chosen = 'teacher', reading = null, example = null

function choose(part) {
  chosen = part
  for (const [name, button] of Object.entries(buttons)) button.setAttribute('aria-pressed', name === part)
  text.textContent = say(`task.${part}.text`)
  detail.textContent = real(part)
}

function real(part) {
  if (!reading) return say('loading')
  const { teacher, student, labels } = reading, logits = (teacher ?? student).logits
  const answer = (who) => ({ label: labels[best(who.logits)], share: percent(Math.max(...believed(who))) })
  if (part === 'teacher') return teacher
    ? say('task.here.teacher', { name: teacher.name, weights: number(teacher.parameters), ...answer(teacher) }) : say('gone')
  if (part === 'student') return say(student.trained ? 'task.here.student' : 'task.here.untrained',
    { weights: number(student.parameters), ...answer(student) })
  if (part === 'transfer') return say('task.here.transfer', { text: sentence().filter(Boolean).join(' | '),
    logits: logits.map((logit) => number(logit, 2)).join(' · '), labels: labels.join(' · ') })
  if (!example) return ''
  const values = { name: example.name, ...Object.fromEntries(Object.entries(example.scores).map(([row, score]) => [row, percent(score.accuracy)])),
    train: number(example.rows.train), transfer: number(example.rows.transfer), test: number(example.rows.test) }
  return say(`task.here.${part}`, values)
}

function draw() {
  const box = figure.getBoundingClientRect()
  if (!box.width) return
  const place = (part, [x, y]) => {
    const own = buttons[part].getBoundingClientRect()
    return [own.left - box.left + own.width * x, own.top - box.top + own.height * y]
  }
  lines.setAttribute('viewBox', `0 0 ${box.width} ${box.height}`)
  const head = ([x, y], dx, dy) => `M${x - 7 * dx - 4 * dy} ${y - 7 * dy - 4 * dx}L${x} ${y}L${x - 7 * dx + 4 * dy} ${y - 7 * dy + 4 * dx}`
  const paths = arrows.map(([from, to, leave, arrive, who]) => {
    const a = place(from, leave), b = place(to, arrive), across = leave[1] === 0.5
    const middle = across ? (a[0] + b[0]) / 2 : (a[1] + b[1]) / 2
    const bend = across ? `C${middle} ${a[1]} ${middle} ${b[1]}` : `C${a[0]} ${middle} ${b[0]} ${middle}`
    return s('path', { class: who, d: `M${a}${bend} ${b}${across ? head(b, 1, 0) : head(b, 0, 1)}` })
  })
  const a = place('control', [1, 0.5]), b = place('comparison', [1, 0.5]), out = Math.max(a[0], b[0]) + 14
  paths.push(s('path', { class: 'control', d: `M${a}C${out} ${a[1]} ${out} ${a[1]} ${out} ${(a[1] + b[1]) / 2}S${out} ${b[1]} ${b}${head(b, -1, 0)}` }))
  lines.replaceChildren(...paths)
}
new ResizeObserver(draw).observe(figure)
on('reading', (message) => { reading = message; choose(chosen) })
on('example', (message) => { example = message; choose(chosen) })
choose(chosen)
