// The student at work: the pieces of the sentence, the states of both directions after each, the last ones joined, and the answer.
// Below, the siamese one: two sentences through one reader.
let reading = null, at = 0, side = 0
const SHOWN = 60 // pieces drawn
const label = h('p', { class: 'here' }), words = h('div', { class: 'pieces', role: 'group', 'aria-label': say('reader.pieces') })
const where = slider({ label: say('reader.word'), min: 1, max: 2, step: 1, value: 1, show: (n) => number(n), act: (n) => { at = n - 1; show() } })
const back = press('‹', () => go(at - 1), { 'aria-label': say('reader.before') }), next = press('›', () => go(at + 1), { 'aria-label': say('reader.after') })
const sides = h('div', {}), lanes = h('div', { class: 'lanes' }), caption = statusLine(), end = h('div', { class: 'end' })
const table = h('details', { class: 'more' }, h('summary', {}, say('reader.table')), h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': say('reader.table') }))
stage.append(label, sides, h('div', { class: 'pieces-frame', tabindex: 0, role: 'region', 'aria-label': say('reader.pieces') }, words),
  h('div', { class: 'step-row' }, back, where, next), lanes, caption, end, table)

let scale = 1 // the largest value of a state in this sentence: all of its waves have one scale
function go(to) {
  at = Math.max(0, Math.min(count() - 1, to))
  where.put(at + 1)
  show()
}
const now = () => reading.student.sides[side]
const count = () => Math.min(SHOWN, now().pieces.length)
const far = (a, b) => Math.sqrt(sum(a.map((value, unit) => (value - (b ? b[unit] : 0)) ** 2)))
const quoted = (pieces) => pieces.map((piece) => piece.text).join(' ')

// How far each piece moved a direction's state: the bars above and below the pieces.
const moved = (states, after) => states?.map((state, place) => far(state, states[place + after]))
let up = null, down = null

function begin() {
  const { pieces, ahead, back: behind } = now()
  up = moved(ahead, -1)
  down = moved(behind, 1)
  const most = Math.max(1e-6, ...(up ?? []), ...(down ?? [])), bar = (way, far) => far && h('i', { class: way, style: { '--share': far / most } })
  words.replaceChildren(...pieces.slice(0, SHOWN).map((piece, place) =>
    h('button', { type: 'button', class: 'piece', onclick: () => go(place) }, bar('up', up?.[place]), h('span', {}, piece.text), bar('down', down?.[place]))))
  const { student } = reading, values = student.sides.flatMap((one) => [one.vector, ...(one.ahead ?? []), ...(one.back ?? [])]).flat()
  scale = Math.max(1e-6, ...values.map(Math.abs))
  where.limit(Math.max(2, count()))
  go(up ? best(up.slice(0, SHOWN)) : 0) // where the reader was moved most
  joined()
  listed()
}

function show() {
  const { pieces, ahead, back: behind } = now(), { student, labels } = reading, { text, read_as: entry } = pieces[at]
  for (const [place, button] of [...words.children].entries()) button.setAttribute('aria-pressed', place === at)
  const shown = words.children[at], frame = words.parentElement
  frame.scrollLeft = shown.offsetLeft - frame.clientWidth / 2 + shown.clientWidth / 2
  if (!ahead) { lanes.replaceChildren(h('p', { class: 'empty' }, say('reader.stateless', { name: student.name }))); caption.textContent = ''; return }
  const lane = (who, states, name, read) => h('div', { class: `lane ${who}` }, h('b', {}, say(name)), h('p', {}, read),
    wave(states[at], { name: say(`${name}.figure`, { n: states[at].length }), high: scale }))
  lanes.replaceChildren(lane('ahead', ahead, 'reader.ahead', `${quoted(pieces.slice(0, at + 1))} …`),
    lane('back', behind, 'reader.back', `… ${quoted(pieces.slice(at))}`))
  const lines = [say('reader.told', { word: text, ahead: number(up[at], 2), back: number(down[at], 2) })]
  if (entry === '[UNK]') lines.push(say('reader.unknown'))
  else if (text.toLowerCase() !== entry.toLowerCase()) lines.push(say('reader.read_as', { entry }))
  const early = student.so_far?.[at]
  if (early) lines.push(say('reader.so_far', { label: labels[best(early)], share: percent(early[best(early)]) }))
  caption.textContent = lines.join(' ')
}

function joined() {
  const { student, labels } = reading, shares = believed(student)
  const [{ made: poolings, vector }] = student.sides, n = student.joined.length, units = vector.length / poolings.length
  const parts = student.sides.length === 1 ? poolings : []
  end.replaceChildren(
    h('div', {}, h('b', {}, say(parts.length ? 'reader.joined' : 'reader.handed', { n })), parts.length
      ? h('div', { class: 'halves' }, parts.map((part, place) => h('div', {}, h('small', {}, say(`reader.joined.${part}`)),
        wave(vector.slice(place * units, (place + 1) * units), { name: say(`reader.joined.${part}`), high: scale }))))
      : wave(student.joined, { name: say('reader.handed', { n }) })),
    h('div', {}, h('b', {}, say('reader.fc', { n: student.fc.length, on: student.fc.filter((value) => value > 0).length })), wave(student.fc, { name: say('reader.fc.figure') })),
    h('div', {}, h('b', {}, say('reader.answer')), bars('student', labels.map((name, label) => ({ name, share: shares[label], value: `${signed(student.logits[label])} · ${percent(shares[label], 0)}` }))),
      Math.abs(student.temperature - 1) > 0.005 && h('small', {}, say('reader.heat', { heat: number(student.temperature, 2) }))))
}

function listed() {
  const { pieces } = now(), { labels, student } = reading
  const early = (shares) => (shares ? `${labels[best(shares)]} ${percent(shares[best(shares)], 0)}` : '–')
  const length = (far) => (far === undefined ? '–' : number(far, 2))
  table.lastChild.replaceChildren(h('table', { class: 'plain' },
    h('thead', {}, h('tr', {}, ['piece', 'read', 'moved_ahead', 'moved_back', 'so_far_head'].map((key) => h('th', { scope: 'col' }, say(`reader.${key}`))))),
    h('tbody', {}, pieces.slice(0, SHOWN).map((piece, place) => h('tr', {}, h('th', { scope: 'row' }, piece.text),
      [piece.read_as, length(up?.[place]), length(down?.[place]), early(student.so_far?.[place])].map((cell) => h('td', {}, cell)))))))
}

// ---- the siamese one

let pair = null, compared = false
const box = (key, text) => h('label', {}, h('span', {}, say(key)), h('input', { type: 'text', maxlength: 500, value: text }))
const one = box('reader.first', props.pair[0]), other = box('reader.second', props.pair[1])
const both = h('form', { class: 'pair-form', onsubmit: (event) => { event.preventDefault(); compare() } }, one, other, h('button', { type: 'submit', class: 'small' }, say('reader.compare')))
const unit = slider({ label: say('reader.unit'), min: 1, max: 2, step: 1, value: 1, show: (n) => number(n), act: match })
const waves = h('div', { class: 'lanes' }), sums = statusLine(), about = h('p', { class: 'here' })
stage.append(h('h3', {}, say('reader.siamese')), h('p', {}, say('reader.siamese.text')), about, both, waves, unit, sums)

// Where the words of both meet before: drawn by the server, with every text in it escaped.
const meeting = h('div')
stage.append(meeting)

function compare() {
  compared = true
  waves.classList.add('busy')
  trigger('read_pair', { run: run(), text: one.querySelector('input').value, text2: other.querySelector('input').value })
}

function match() {
  if (!pair) return
  const [a, b] = pair.student.sides.map((half) => half.vector), n = a.length
  unit.limit(n)
  const place = Math.min(unit.get(), n) - 1, product = a.map((value, at) => value * b[at]), distance = a.map((value, at) => Math.abs(value - b[at]))
  const high = Math.max(1e-6, ...[...a, ...b, ...distance].map(Math.abs))
  const lane = (name, values) => h('div', { class: 'lane pair' }, h('b', {}, name), wave(values, { name: say('reader.wave', { name, n }), high, mark: place }))
  waves.replaceChildren(lane('h₁', a), lane('h₂', b), lane('h₁ · h₂', product), lane('|h₁ − h₂|', distance))
  sums.textContent = say('reader.unit.told', { unit: number(place + 1), a: signed(a[place]), b: signed(b[place]), product: signed(product[place]), apart: number(distance[place], 2), n: number(4 * n),
    far: number(far(a, b), 2) })
}

on('pair', (message) => {
  waves.classList.remove('busy')
  if (message.fault) { sums.textContent = message.fault; return }
  pair = message
  about.textContent = say(pair.student.trained ? 'reader.pair.trained' : 'reader.pair.untrained', { run: pair.run?.slice(0, 6) ?? '' })
  match()
  meeting.innerHTML = message.meeting
})
on('cast', (cast) => { both.hidden = cast.pair })
on('reading', (message) => {
  reading = message
  const { student } = message
  side = 0
  sides.replaceChildren(...(student.sides.length > 1 ? [choice(say('reader.side'), student.sides.map((_, n) => [String(n), number(n + 1)]), '0',
    (n) => { side = Number(n); begin() })] : []))
  label.textContent = say(student.trained ? 'reader.trained' : 'reader.untrained', { name: student.name, run: message.run?.slice(0, 6) ?? '' })
  begin()
  if (student.sides.length === 2) for (const act of heard.pair) act(message) // a run about pairs: the sentences above are the pair
})
near(both, () => { if (!compared && !last.cast?.pair) compare() })
caption.textContent = say('loading')
