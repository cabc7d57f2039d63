// Reading the comparison: the four rows of a real run, then whatever is moved.
const ROWS = ['teacher', 'student', 'control', 'floor'], LEFT = 96, ROW = 46
let real = null
const accuracy = (row) => slider({ label: say('compare.accuracy', { row: say(row) }), min: 0.4, max: 1, step: 0.001, value: 0.9, show: percent, act: show })
const student = accuracy('student'), control = accuracy('control')
const rows = slider({ label: say('compare.rows'), min: 1.5, max: 4.5, step: 0.01, value: 3, show: (power) => number(roundedRows(power)), act: show })
const one = slider({ label: say('compare.one'), min: 0, max: 1, step: 0.005, value: 0.2, show: percent, act: show })
const picture = h('div', { class: 'figure' }), figures = h('dl', { class: 'figures-row' }), verdict = statusLine('verdict'), source = h('p', { class: 'here' })
const back = press(say('compare.back'), () => { begin(); show() })
stage.append(picture, figures, verdict, h('div', { class: 'knobs-grid' }, student, control, rows, one), h('div', { class: 'presets' }, back), source)

// two leading digits: nobody counts test rows more finely on such a slider
function roundedRows(power) {
  const place = 10 ** Math.max(0, Math.floor(power) - 1)
  return Math.round(10 ** power / place) * place
}

function begin() {
  student.put(real.scores.student.accuracy)
  control.put(real.scores.control.accuracy)
  rows.put(Math.log10(real.rows.test))
  one.put(real.one)
}

function show() {
  if (!real) { verdict.textContent = say('loading'); return }
  const n = roundedRows(rows.get()), at = { teacher: real.scores.teacher.accuracy, student: student.get(), control: control.get(), floor: real.scores.floor?.accuracy }
  const reach = Object.fromEntries(ROWS.filter((row) => at[row] != null).map((row) => [row, formulas.wilson(at[row], n)]))
  // two models that differ by so much must differ on at least so many rows
  const least = Math.abs(at.student - at.control), differing = Math.max(one.get(), least)
  const [low, high] = formulas.paired(at.student, at.control, differing, n), gap = at.teacher - at.control
  picture.replaceChildren(drawn(at, reach))
  const recovered = at.student < at.control ? say('compare.below') : gap > 0 ? percent((at.student - at.control) / gap, 0) : say('compare.undefined')
  const kept = percent(at.student / at.teacher) + (at.student > at.teacher ? ` (${say('compare.better')})` : '')
  const measures = [['gap', recovered], ['kept', kept], ['difference', `${signed(100 * (at.student - at.control), 1)} (${signed(100 * low, 1)} … ${signed(100 * high, 1)})`],
    ['agreement', percent(real.agreement)]]
  figures.replaceChildren(...measures.map(([key, value]) => h('div', {}, h('dt', {}, say(`compare.${key}`)), h('dd', {}, value))))
  const key = gap <= 0 ? 'compare.told.no_gap' : low > 0 ? 'compare.told.yes' : high < 0 ? 'compare.told.worse' : 'compare.told.chance'
  verdict.textContent = say(key, { n: number(n), low: signed(100 * low, 1), high: signed(100 * high, 1) })
}

function drawn(at, reach) {
  const WIDTH = Math.max(280, picture.clientWidth)
  const low = Math.floor(10 * Math.min(...Object.values(reach).map(([from]) => from))) / 10
  const x = (share) => LEFT + (WIDTH - LEFT - 22) * (share - low) / (1 - low), scored = ROWS.filter((row) => row in reach)
  const height = ROW * scored.length + 62, y = (row) => 26 + ROW * scored.indexOf(row)
  const ticks = Array.from({ length: Math.round((1 - low) * 10) + 1 }, (_, tick) => low + tick / 10)
  const won = Math.min(Math.max(at.student, at.control), at.teacher), bracket = height - 46
  return s('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': say('compare.figure') },
    ticks.map((tick) => [s('line', { class: 'grid', x1: x(tick), x2: x(tick), y1: 6, y2: height - 22 }),
      s('text', { class: 'tick', x: x(tick), y: height - 5, 'text-anchor': 'middle' }, number(100 * tick))]),
    at.teacher > at.control && [s('rect', { class: 'gap', x: x(at.control), y: bracket, width: x(at.teacher) - x(at.control), height: 12, rx: 6 }),
      s('rect', { class: 'won', x: x(at.control), y: bracket, width: Math.max(0, x(won) - x(at.control)), height: 12, rx: 6 })],
    scored.map((row) => s('g', { class: `row ${row}` }, s('text', { class: 'name', x: 0, y: y(row) + 5 }, say(row)),
      s('line', { class: 'whisker', x1: x(reach[row][0]), x2: x(reach[row][1]), y1: y(row), y2: y(row) }),
      s('path', { class: 'whisker', d: `M${x(reach[row][0])} ${y(row) - 6}v12M${x(reach[row][1])} ${y(row) - 6}v12` }),
      s('circle', { cx: x(at[row]), cy: y(row), r: 7 }),
      s('text', { class: 'value', x: Math.min(x(at[row]), WIDTH - 50), y: y(row) - 12, 'text-anchor': 'middle' }, percent(at[row])))))
}
fit(picture, show)
on('example', (message) => {
  real = message
  begin()
  source.textContent = say(message.one_known ? 'compare.source' : 'compare.source.guess', { name: message.name, n: number(message.rows.test) })
  show()
})
show()
