// The loss on one text: real logits of the teacher, the student's own to begin with, everything else to move.
const MOST = 4, REACH = 8, STEP = 0.5
let reading = null, labels = [], teacher = [], truth = 0, distance = 'mse', knobs = []
const alpha = slider({ label: 'alpha', min: 0, max: 1, step: 0.01, value: 0.5, show: (now) => number(now, 2), act: show })
const heat = slider({ label: say('temperature'), min: 0.5, max: 10, step: 0.1, value: 2, act: show })
const how = choice(say('distil.distance'), [['mse', say('distil.mse')], ['kl', say('distil.kl')]], distance, (value) => { distance = value; show() })
const own = h('div', { class: 'logits' }), label = h('div', {}), picture = h('div', { class: 'figure' })
const terms = h('div', { class: 'terms' }), caption = statusLine()
const step = press(say('distil.step'), () => {
  const slope = formulas.gradient(values(), teacher, truth, settings())
  knobs.forEach((knob, at) => knob.put(knob.get() - STEP * slope[at]))
  show()
}), back = press(say('distil.back'), () => { begin(); show() })
stage.append(h('div', { class: 'two' }, h('div', { class: 'knobs-column' }, how, alpha, heat, label, own, h('div', { class: 'presets' }, step, back)),
  h('div', {}, picture, terms, caption)))

const settings = () => ({ alpha: alpha.get(), temperature: heat.get(), distance })
const values = () => knobs.map((knob) => knob.get())

function begin() {
  // at most the four likeliest labels, so that the sliders stay readable
  const logits = reading.teacher.logits
  const shown = logits.map((_, at) => at).sort((a, b) => logits[b] - logits[a]).slice(0, MOST).sort((a, b) => a - b)
  labels = shown.map((at) => reading.labels[at])
  teacher = shown.map((at) => logits[at])
  truth = best(teacher)
  label.replaceChildren(choice(say('distil.truth'), labels.map((name, at) => [String(at), name]), String(truth), (at) => { truth = Number(at); show() }))
  knobs = shown.map((at) => slider({ label: say('distil.logit', { label: reading.labels[at] }), min: -REACH, max: REACH, step: 0.01,
    value: reading.student.logits[at], show: (now) => signed(now), act: show }))
  own.replaceChildren(...knobs)
}

function show() {
  if (!reading?.teacher) { caption.textContent = say(reading ? 'gone' : 'loading'); return }
  heat.classList.toggle('idle', distance !== 'kl')
  const now = values(), chosen = settings(), slope = formulas.gradient(now, teacher, truth, chosen)
  const ce = formulas.ce(now, truth), soft = distance === 'kl' ? formulas.kl(now, teacher, chosen.temperature) : formulas.mse(now, teacher)
  const mixed = formulas.mix(now, teacher, truth, chosen)
  const most = Math.max(1, ce, soft, mixed), name = say(distance === 'kl' ? 'distil.soft.kl' : 'distil.soft.mse')
  const term = (who, words, value) => bars(who, [{ name: words, share: value / most, value: number(value, 3) }])
  terms.replaceChildren(term('control', say('distil.ce'), ce), term('teacher', name, soft),
    term('student', say('distil.mixed', { alpha: number(chosen.alpha, 2), rest: number(1 - chosen.alpha, 2) }), mixed))
  picture.replaceChildren(drawn(now, slope))
  const moves = labels.map((one, at) => `${one} ${Math.abs(slope[at]) < 0.005 ? '→ 0' : signed(-slope[at])}`).join(' · ')
  caption.textContent = say(Math.max(...slope.map(Math.abs)) < 0.02 ? 'distil.told.still' : 'distil.told', { loss: number(mixed, 3), moves })
}

function drawn(now, slope) {
  const WIDTH = Math.max(260, picture.clientWidth), row = 64, height = row * labels.length + 52, half = WIDTH / 2
  const x = (logit) => half + (half - 16) * Math.max(-REACH, Math.min(REACH, logit)) / REACH
  return s('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': say('distil.figure') },
    [-8, -4, 0, 4, 8].map((at) => [s('line', { class: 'grid', x1: x(at), x2: x(at), y1: 28, y2: height - 22 }),
      s('text', { class: 'tick', x: x(at), y: height - 5, 'text-anchor': 'middle' }, number(at))]),
    labels.map((name, at) => {
      const y = row * at + 70, from = x(now[at]), to = x(now[at] - slope[at])
      const ahead = Math.sign(to - from), tip = Math.abs(to - from) > 3
      return s('g', {}, s('text', { class: 'name', x: 4, y: y - 18 }, name),
        s('line', { class: 'between', x1: x(teacher[at]), x2: from, y1: y, y2: y }),
        s('rect', { class: 'teacher', x: x(teacher[at]) - 7, y: y - 7, width: 14, height: 14, rx: 3 }),
        s('circle', { class: 'student', cx: from, cy: y, r: 7 }),
        tip && s('path', { class: 'pull', d: `M${from + 9 * ahead} ${y}H${to + 9 * ahead}m${-6 * ahead} -5l${6 * ahead} 5l${-6 * ahead} 5` }))
    }),
    s('g', { class: 'legend', transform: 'translate(4 2)' }, s('rect', { class: 'teacher', x: 0, y: 0, width: 12, height: 12, rx: 3 }),
      s('text', { class: 'tick', x: 18, y: 11 }, say('teacher')), s('circle', { class: 'student', cx: 104, cy: 6, r: 6 }), s('text', { class: 'tick', x: 118, y: 11 }, say('student'))))
}
fit(picture, show)
on('reading', (message) => { reading = message; if (message.teacher) begin(); show() })
show()
