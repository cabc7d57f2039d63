// The teacher shortened: what its layers lose on the sentence above before any training, and what the losses of
// DistilBERT and TinyBERT would pull at.
const CHOICES = ['all', 'every:2', 'first_last', 'last:1', 'first:1']
let reading = null, taken = 'first_last', place = 0, asked = false
const which = h('div', {}), above = h('div', {}), rows = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': say('layers.pairs') })
const looks = h('div', { class: 'looks' }), answers = h('div', { class: 'two' }), terms = h('div'), caption = statusLine()
stage.append(which, rows, h('h3', {}, say('layers.looks')), above, looks, h('h3', {}, say('layers.answers')), answers, h('h3', {}, say('layers.losses')), terms, caption)

function read() {
  asked = true
  stage.classList.add('busy')
  const [text, text2] = sentence()
  trigger('read_layers', { run: run(), text, text2: last.cast?.pair ? text2 : '', layers: taken })
}

function choose() {
  const options = [...CHOICES, ...(reading?.own ? ['own'] : [])]
  which.replaceChildren(choice(say('layers.choose'), options.map((name) => [name, say(`layers.choice.${name.replace(':', '')}`)]), taken, (name) => { taken = name; place = 0; read() }))
}

// How much each piece (a row) looks at each other: one table for the teacher's layer, one for the student's.
function heat(who, name, shares) {
  const pieces = reading.pieces
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': name }, h('table', { class: `plain seen ${who}` }, h('caption', {}, name),
    h('thead', {}, h('tr', {}, h('td'), pieces.map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, shares.map((line, row) => h('tr', {}, h('th', { scope: 'row' }, pieces[row]),
      line.map((share) => h('td', { style: { '--share': share }, title: percent(share, 0) }, number(100 * share, 0))))))))
}

function show() {
  const { pairs, labels, logits, losses, depth, layers } = reading
  place = Math.min(place, pairs.length - 1)
  const cell = (name, value) => h('td', { 'data-name': say(`layers.${name}`) }, value)
  rows.replaceChildren(h('table', { class: 'plain cards' }, h('thead', {}, h('tr', {}, ['pair', 'cosine', 'hidden', 'attention'].map((name) => h('th', { scope: 'col' }, say(`layers.${name}`))))),
    h('tbody', {}, pairs.map((pair) => h('tr', {}, h('th', { scope: 'row' }, say('layers.beside', { student: number(pair.student), taken: number(layers[pair.student - 1]), teacher: number(pair.teacher) })),
      cell('cosine', number(pair.cosine, 3)), cell('hidden', number(pair.hidden, 3)), cell('attention', number(pair.attention, 2)))))))
  above.replaceChildren(...(pairs.length > 1 ? [choice(say('layers.which'), pairs.map((pair, at) => [String(at), number(pair.student)]), String(place), (at) => { place = Number(at); show() })] : []))
  const pair = pairs[place]
  looks.replaceChildren(heat('teacher', say('layers.looks.teacher', { n: number(pair.teacher) }), pair.looks.teacher), heat('student', say('layers.looks.student', { n: number(pair.student) }), pair.looks.student))
  const answer = (who) => h('div', {}, h('b', {}, say(who)), bars(who, formulas.softmax(logits[who], 1).map((share, at) => ({ name: labels[at], share }))))
  answers.replaceChildren(answer('teacher'), answer('student'))
  terms.replaceChildren(h('table', { class: 'plain' }, h('tbody', {}, Object.entries(losses).map(([name, value]) =>
    h('tr', {}, h('th', { scope: 'row' }, say(`layers.loss.${name}`)), h('td', {}, number(value, 3)))))))
  const same = best(logits.teacher) === best(logits.student)
  const words = { n: number(layers.length), depth: number(depth), numbers: layers.map((one) => number(one)).join(', '), label: labels[best(logits.student)] }
  caption.textContent = say(layers.length === depth && !reading.trained ? 'layers.told.all' : reading.trained ? 'layers.told.own' : same ? 'layers.told.same' : 'layers.told.other', words)
}

on('layers', (message) => {
  stage.classList.remove('busy')
  if (message.fault) { caption.textContent = message.fault; return }
  reading = message
  choose()
  show()
})
on('reading', () => { if (asked) read() })
on('fault', (words) => { if (words.text && !reading) caption.textContent = words.text })
near(stage, () => { if (!asked && last.cast) read(); else if (!asked) on('cast', () => { if (!asked) read() }) })
choose()
caption.textContent = say('loading')
