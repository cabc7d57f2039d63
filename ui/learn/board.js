// The lessons' common ground: words, small builders of elements, and the messages of the server, which arrive as the
// component's value. A lesson is a function of its stage; what it listens for it says with `on`.
const say = (key, values = {}) =>
  (props.words[key] ?? key).replace(/\{(\w+)\}/g, (place, name) => (name in values ? values[name] : place))
const number = window.stillroomNumber, percent = window.stillroomPercent
const signed = (value, digits = 2) => (value < 0 ? '−' : '+') + number(Math.abs(value), digits)
const time = (ms) => ms < 1 ? `${number(ms, 2)}\u00a0ms` : ms < 1000 ? `${number(ms, ms < 10 ? 1 : 0)}\u00a0ms`
  : ms < 120_000 ? `${number(ms / 1000, 1)}\u00a0s` : ms < 7_200_000 ? `${number(ms / 60_000)}\u00a0min`
  : `${number(ms / 3_600_000, 1)}\u00a0h`

const SVG = 'http://www.w3.org/2000/svg'
function set(node, attributes, kids) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else if (name.startsWith('aria-')) node.setAttribute(name, value)
    else if (name === 'style') for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one)
    else if (value === true) node.setAttribute(name, '')
    else if (value !== false && value != null) node.setAttribute(name, value)
  }
  node.append(...kids.flat(Infinity).filter((kid) => kid != null && kid !== false))
  return node
}
const h = (tag, attributes = {}, ...kids) => set(document.createElement(tag), attributes, kids)
const s = (tag, attributes = {}, ...kids) => set(document.createElementNS(SVG, tag), attributes, kids)

// A named slider whose value stands beside its name. `show` makes the words of a value.
let named = 0
function slider({ label, min, max, step, value, show = (now) => number(now, 1), act }) {
  const id = `learn-slider-${++named}`
  const output = h('output', { for: id })
  const input = h('input', { type: 'range', id, min, max, step, value })
  const node = h('div', { class: 'slider' }, h('label', { for: id }, label), output, input)
  const tell = () => { output.textContent = show(Number(input.value)); input.setAttribute('aria-valuetext', output.textContent) }
  input.addEventListener('input', () => { tell(); act?.(Number(input.value)) })
  tell()
  return Object.assign(node, {
    get: () => Number(input.value),
    put: (next) => { input.value = next; tell() },
    limit: (most) => { input.max = most; tell() },
    settled: (heard) => input.addEventListener('change', heard),
  })
}

// One of several words, as radio buttons that arrow keys move through.
function choice(legend, options, chosen, act) {
  const name = `learn-choice-${++named}`
  return h('fieldset', { class: 'choice-row' }, h('legend', {}, legend), options.map(([value, text]) =>
    h('label', {}, h('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => act(value) }), text)))
}

const press = (text, act, more = {}) => h('button', { type: 'button', class: 'small', onclick: act, ...more }, text)
const statusLine = (more = '') => h('p', { class: `told ${more}`, role: 'status' })

// rows of {name, share, value}: `who` gives the colour, the largest is bold
function bars(who, rows) {
  const best = Math.max(...rows.map((row) => row.share))
  return h('div', { class: `bars ${who}` }, rows.map((row) =>
    h('div', { class: row.share === best ? 'bar best' : 'bar' }, h('span', { class: 'name' }, row.name),
      h('span', { class: 'track' }, h('i', { style: { '--share': Math.max(0, Math.min(1, row.share)) } })),
      h('span', { class: 'value' }, row.value ?? percent(row.share)))))
}

// A vector as one bar a unit, up from the middle line where positive, down where negative.
function wave(values, { name, high = Math.max(1e-6, ...values.map(Math.abs)), mark = -1 }) {
  const path = (chosen) => values.map((value, unit) =>
    chosen(value) ? `M${unit + 0.1} 1V${(1 - Math.max(-1, Math.min(1, value / high)) * 0.96).toFixed(3)}h.8V1z` : '').join('')
  return s('svg', { class: 'wave', viewBox: `0 0 ${values.length} 2`, preserveAspectRatio: 'none', role: 'img', 'aria-label': name },
    mark >= 0 && s('rect', { class: 'mark', x: mark, y: 0, width: 1, height: 2 }),
    s('path', { class: 'up', d: path((value) => value > 0) }), s('path', { class: 'down', d: path((value) => value <= 0) }),
    s('line', { class: 'zero', x1: 0, x2: values.length, y1: 1, y2: 1 }))
}

// A picture is drawn in real pixels, again whenever its place gets another width: letters keep their size.
function fit(node, draw) {
  let width = 0
  new ResizeObserver(() => { if (Math.abs(node.clientWidth - width) > 1) { width = node.clientWidth; draw() } }).observe(node)
}

// ---- messages

const heard = {}
const last = {}
function on(kind, act) {
  (heard[kind] ??= []).push(act)
  if (last[kind]) act(last[kind])
}
function take() {
  for (const [kind, message] of Object.entries(props.value || {})) {
    if (message === last[kind]) continue
    last[kind] = message
    for (const act of heard[kind] || []) act(message)
  }
}
const run = () => last.cast?.run ?? ''

// `act` once, when the lesson comes near: what nobody looks at is not computed
function near(node, act) {
  const watching = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) { watching.disconnect(); act() }
  }, { rootMargin: '400px' })
  watching.observe(node)
}

// ---- the sentence that travels through the lessons

const form = element.querySelector('form.sentence'), [first, second] = form.querySelectorAll('input')
const fault = form.querySelector('.fault')
function ask(text) {
  if (text !== undefined) first.value = text
  form.classList.add('busy')
  trigger('read_text', { run: run(), text: first.value, text2: last.cast?.pair ? second.value : '' })
}
form.addEventListener('submit', (event) => { event.preventDefault(); ask() })
const examples = element.querySelector('.examples')
examples.addEventListener('click', (event) => { if (event.target.matches('button')) ask(event.target.textContent) })
on('cast', (cast) => {
  second.parentElement.hidden = !cast.pair
  examples.hidden = cast.other || cast.pair
  element.querySelector('.who').textContent = cast.words
  if (!first.value) { first.value = cast.text[0]; second.value = cast.text[1] ?? '' }
  ask()
})
on('fault', (words) => {
  fault.textContent = words.text
  fault.hidden = !words.text
  form.classList.remove('busy')
})
on('reading', () => form.classList.remove('busy'))
const sentence = () => [first.value, second.value]

// probabilities as the comparison tells them: under the temperature that was fitted on the validation rows
const believed = (who) => formulas.softmax(who.logits, who.temperature)
const best = (values) => values.indexOf(Math.max(...values))
