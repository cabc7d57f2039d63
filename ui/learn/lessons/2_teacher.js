// Dark knowledge: the teacher's logits under a temperature, with the softmax taken here.
const HEIGHT = 210, LEFT = 38, BOTTOM = 180, HOTTEST = 10
const heat = slider({ label: say('temperature'), min: 0.5, max: HOTTEST, step: 0.1, value: 1, act: show })
const presets = h('div', { class: 'presets', role: 'group', 'aria-label': say('teacher.presets') },
  [1, 2, 5].map((value) => press(`T = ${value}`, () => { heat.put(value); show() })))
const rows = h('div', { class: 'answers' }), caption = statusLine(), curve = h('div', { class: 'figure' })
const doubt = h('p', { class: 'here' })
stage.append(h('div', { class: 'control-row' }, heat, presets), h('div', { class: 'two' }, rows, curve), caption, doubt)
let reading = null

function show() {
  const logits = reading?.teacher?.logits
  if (!logits) { caption.textContent = say(reading ? 'gone' : 'loading'); rows.replaceChildren(); curve.replaceChildren(); return }
  const { labels } = reading, warm = heat.get(), shares = formulas.softmax(logits, warm)
  const order = logits.map((_, label) => label).sort((a, b) => logits[b] - logits[a])
  rows.replaceChildren(bars('teacher', labels.map((name, label) => ({ name, share: shares[label] }))),
    h('p', { class: 'hint' }, say('teacher.logits', { logits: labels.map((name, label) => `${name} ${signed(logits[label])}`).join(' · ') })))
  curve.replaceChildren(drawn(logits, labels, order, warm))
  const [top, next] = order
  caption.textContent = say('teacher.told', { heat: number(warm, 1), top: labels[top], share: percent(shares[top], 2),
    next: labels[next], rest: percent(shares[next], 2), entropy: number(formulas.entropy(shares), 3), most: number(Math.log2(labels.length), 2) })
  doubt.textContent = say(labels.length === 2 ? 'teacher.two' : 'teacher.many', { margin: number(logits[top] - logits[next], 2),
    next: labels[next], ratio: times(Math.exp((logits[top] - logits[next]) / warm)) })
}

function drawn(logits, labels, order, warm) {
  const WIDTH = Math.max(260, curve.clientWidth)
  const x = (at) => LEFT + (WIDTH - LEFT - 8) * (at - 0.5) / (HOTTEST - 0.5), y = (share) => BOTTOM - (BOTTOM - 12) * share
  const steps = Array.from({ length: 96 }, (_, step) => 0.5 + step / 10)
  const line = (label) => `M${steps.map((at) => `${x(at).toFixed(1)} ${y(formulas.softmax(logits, at)[label]).toFixed(1)}`).join('L')}`
  const shares = formulas.softmax(logits, warm)
  return s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': say('teacher.figure') },
    [0, 0.5, 1].map((share) => [s('line', { class: 'grid', x1: LEFT, x2: WIDTH - 8, y1: y(share), y2: y(share) }),
      s('text', { class: 'tick', x: LEFT - 8, y: y(share) + 5, 'text-anchor': 'end' }, `${100 * share}`)]),
    [1, 2, 5, 10].map((at) => s('text', { class: 'tick', x: x(at), y: HEIGHT - 6, 'text-anchor': at === 10 ? 'end' : 'middle' }, `T ${at}`)),
    order.slice(0, 5).map((label, place) => s('path', { class: place ? 'line other' : 'line teacher', d: line(label) })),
    s('line', { class: 'now', x1: x(warm), x2: x(warm), y1: 8, y2: BOTTOM }),
    order.slice(0, 2).map((label, place) => s('circle', { class: place ? 'dot other' : 'dot teacher', cx: x(warm), cy: y(shares[label]), r: 5 })))
}
const times = (ratio) => number(ratio, ratio < 100 ? 1 : 0)
fit(curve, show)
on('reading', (message) => { reading = message; show() })
show()
