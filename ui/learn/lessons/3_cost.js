// Size and time of both, measured here on the sentence above.
const SIDE = 160
const many = slider({ label: say('cost.many'), min: 0, max: 7, step: 0.1, value: 4, show: (power) => number(texts(power)), act: show })
let basis = 'parameters', reading = null
const which = choice(say('cost.basis'), [['parameters', say('cost.parameters')], ['bytes', say('cost.bytes')]], basis, (value) => { basis = value; show() })
const squares = h('div', { class: 'figure squares' }), clock = h('div', { class: 'clock' }), caption = statusLine()
stage.append(h('div', { class: 'two' }, h('div', {}, which, squares), h('div', {}, many, clock)), caption)

function texts(power) {
  const rough = 10 ** power, place = 10 ** Math.max(0, Math.floor(power) - 1)
  return Math.round(rough / place) * place
}

function show() {
  if (!reading?.teacher) { caption.textContent = say(reading ? 'gone' : 'loading'); return }
  const { teacher, student } = reading, pair = [['teacher', teacher], ['student', student]]
  const unit = (value) => basis === 'bytes' ? `${number(value / 1e6, 2)}\u00a0MB` : number(value)
  const most = Math.max(teacher[basis], student[basis])
  let at = 0
  const WIDTH = Math.max(260, squares.clientWidth)
  squares.replaceChildren(s('svg', { viewBox: `0 0 ${WIDTH} ${SIDE + 44}`, role: 'img', 'aria-label': say('cost.figure') }, pair.map(([who, one]) => {
    const side = SIDE * Math.sqrt(one[basis] / most), x = at
    at += Math.max(side, 120) + 24
    return s('g', {}, s('rect', { class: who, x, y: SIDE - side, width: side, height: side, rx: Math.min(10, side / 5) }),
      s('text', { class: 'name', x, y: SIDE + 19 }, say(who)), s('text', { class: 'tick', x, y: SIDE + 38 }, unit(one[basis])))
  })))
  const slow = Math.max(teacher.ms, student.ms), n = texts(many.get())
  clock.replaceChildren(...pair.map(([who, one]) => bars(who, [{ name: say(who), share: one.ms / slow, value: time(n * one.ms) }])))
  caption.textContent = say(student.trained ? 'cost.told' : 'cost.told.untrained', { teacher: time(teacher.ms), student: time(student.ms),
    faster: number(teacher.ms / student.ms, 1), smaller: number(teacher[basis] / student[basis], 1) })
}
fit(squares, show)
on('reading', (message) => { reading = message; show() })
show()
