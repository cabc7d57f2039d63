// The live view of one run. `props.value` is the run's id and nothing else; everything shown is asked of the server by
// cursor, so that a reload, a second tab or a late visitor sees the same. Text goes in through textContent only.
const PATIENCE = 15000 // ms until a question counts as unanswered: a laptop that slept wakes with dead connections
const SPOKEN = 15000 // ms between two sentences to those who listen: the figures change twice a second
const BACK = 4000 // ms for which it is told that the connection is back
const FILM = 20000 // ms in which an example run is replayed
let turn = 0, run = '', cursor = null, status = '', losses = 0, seconds = 0, spoken = 0, film = null, lastAnswer = null, stopping = '', leaving

const put = (node, text) => { if (node && node.textContent !== text) node.textContent = text }

function stages(list) {
  const box = $('.stages')
  if (box.children.length !== list.length) box.replaceChildren(...list.map(() => {
    const item = make('li')
    item.append(make('b'), make('span'), make('i'))
    return item
  }))
  list.forEach((stage, index) => {
    const item = box.children[index]
    item.className = stage.state
    put(item.children[0], stage.name)
    put(item.children[1], stage.text)
    item.children[1].title = stage.text
    item.children[2].style.setProperty('--share', stage.share ?? 0)
    if (stage.state === 'run') item.setAttribute('aria-current', 'step')
    else item.removeAttribute('aria-current')
  })
}

function tiles(list) {
  const box = $('.tiles')
  if (box.children.length !== list.length) box.replaceChildren(...list.map(() => {
    const item = make('div')
    item.append(make('dt'), make('dd'), make('dd', 'more'))
    return item
  }))
  list.forEach((figure, index) => [figure.label, figure.value, figure.more].forEach((text, at) => put(box.children[index].children[at], text)))
}

function log(list, reset) {
  const box = $('.log ol')
  if (reset) box.replaceChildren()
  for (const [when, level, text] of list) {
    const at = new Date(1000 * when)
    const clock = at.toLocaleTimeString(document.documentElement.lang, { hourCycle: 'h23' })  // as the history has it
    const item = make('li', level), time = make('time', '', clock)
    time.dateTime = at.toISOString()
    item.append(time, make('span', '', text))
    box.append(item)
  }
  if (list.length) box.scrollTop = box.scrollHeight
}

function table() {
  if (!$('.twin').open) return
  $('.twin tbody').replaceChildren(...Object.keys(chart.series).map(parts).map(({ name, stage, what, member }) => {
    const { x, y } = chart.series[name], score = what.startsWith('valid_') && what !== 'valid_loss'
    const best = y.reduce((a, b) => score === (b > a) ? b : a), number = score ? window.stillroomPercent : (value) => window.stillroomNumber(value, 4)
    const who = [words.stage[stage] || stage, member].filter(Boolean).join(' · ')
    const row = make('tr')
    for (const text of [who, words.series[what] || what, window.stillroomNumber(x.length), window.stillroomNumber(x.at(-1)), number(y.at(-1)), number(best)]) row.append(make('td', '', text))
    return row
  }))
}

function trouble(failure) {
  const box = $('.trouble')
  box.hidden = !failure
  if (!failure) return
  box.className = `trouble note ${failure.level === 'stopped' ? 'info' : 'error'}`
  put(box.children[0], failure.where)
  put(box.children[1], failure.what)
  put(box.children[2], failure.advice)
}

// those who listen hear a sentence now and then, and every change of the status at once
function speak(answer) {
  if (answer.status === status && Date.now() < spoken + SPOKEN) return
  spoken = Date.now()
  const sentence = [answer.text, answer.gap].filter(Boolean).join(' ')
  put($('.said'), sentence)
  for (const plot of PLOTS) $(`[data-plot=${plot}]`).setAttribute('aria-label', `${$(`[data-plot=${plot}]`).closest('figure').querySelector('b').textContent}. ${answer.gap || answer.text}`)
}

function forget() {
  cursor = null; status = ''; lastAnswer = null; film = null
  Object.assign(chart, { series: {}, lines: [], best: null, stage: '', pinned: false, sight: { score: null, loss: null }, key: run, share: 1 })
}

// A training that begins before its last point goes on from a checkpoint or anew: its later points are of an earlier try.
function extend(series) {
  const training = (name) => { const { stage, member } = parts(name); return `${stage}@${member ?? ''}` }
  const starts = {}
  for (const [name, [x]] of Object.entries(series)) {
    if (x.length && x[0] <= (chart.series[name]?.x.at(-1) ?? -1)) starts[training(name)] = Math.min(x[0], starts[training(name)] ?? Infinity)
  }
  for (const [name, { x, y }] of Object.entries(chart.series)) {
    const last = x.findIndex((step) => step >= starts[training(name)])
    if (last >= 0) { x.length = last; y.length = last }
    if (!x.length) delete chart.series[name]
  }
  for (const [name, [x, y]] of Object.entries(series)) {
    if (!x.length) continue
    const all = chart.series[name] ||= { x: [], y: [] }
    for (let at = 0; at < x.length; at++) { all.x.push(x[at]); all.y.push(y[at]) }
  }
}

function take(answer) {
  if (answer.reset) { chart.series = {}; chart.key = run }
  cursor = answer.next
  lastAnswer = answer
  seconds = answer.seconds
  put($('.now'), answer.text)
  stages(answer.stages)
  tiles(answer.figures)
  put($('.gap'), answer.gap)
  log(answer.log, answer.reset)
  trouble(answer.trouble)
  speak(answer)
  $('.live').dataset.status = answer.status
  $('.replaying').hidden = !answer.replay
  if (film && !answer.replay) film = null
  if (!film) {
    extend(answer.series)
    Object.assign(chart, { lines: answer.lines, best: answer.best, metric: answer.metric, share: 1 })
    choices()
    draw()
    table()
  }
}

function lost(yes) {
  losses = yes ? losses + 1 : 0
  const box = $('.lost'), text = yes ? words.lost : words.back
  if (box.textContent === text && !(yes && box.hidden) || !yes && box.hidden) return
  put(box, text)
  put($('.said'), text)
  spoken = Date.now()
  box.className = `lost note ${yes ? 'warning' : 'info'}`
  box.hidden = false
  clearTimeout(leaving)
  if (!yes) leaving = setTimeout(() => { box.hidden = true }, BACK)
}

const patiently = (request) => Promise.race([window.stillroomAnswer(request), new Promise((_, fail) => setTimeout(() => fail(new Error('silence')), PATIENCE))])

async function poll(mine) {
  if (mine !== turn || !element.isConnected) return
  let wait = 1000
  if (run && !document.hidden) {
    try {
      const answer = await patiently(server.points({ run, cursor }))
      if (mine !== turn) return
      lost(false)
      if (answer.error) { put($('.now'), answer.error); return }
      take(answer)
      wait = answer.poll_ms
      if (answer.status !== status) { status = answer.status; trigger('moved', { run, status }) }
      if (answer.done) return
    } catch (error) {
      if (mine !== turn) return
      lost(true)
      wait = Math.min(8000, 1000 * 2 ** (losses - 1))
    }
  }
  setTimeout(() => poll(mine), wait)
}

const again = () => { if (run && element.isConnected && !(lastAnswer?.done)) { turn += 1; poll(turn) } }

// The drawing library keeps the page busy for about a second, so it is loaded before there is anything to draw: once the
// first step is filled, at the latest while a worker computes its first point. That it fails is told when it is needed.
const ready = () => window.stillroomPlotly().catch(() => {})

// an example run, drawn as if it were going on, for those who wait
async function replay() {
  const answer = await patiently(server.points({ run: lastAnswer.replay, cursor: null }))
  if (answer.error || !lastAnswer?.replay) return
  const began = Date.now(), mine = film = {}
  chart.series = {}
  extend(answer.series)
  Object.assign(chart, { lines: answer.lines, best: answer.best, key: 'replay' })
  const frame = () => {
    if (film !== mine || !element.isConnected) { if (!film) { chart.series = {}; cursor = null; again() } return }
    chart.share = Math.min(1, (Date.now() - began) / FILM)
    choices(); draw()
    setTimeout(frame, chart.share < 1 ? 100 : 1000)
  }
  frame()
}

function idle() {
  const waiting = Object.values(words.stage).map((name) => ({ name, text: '', state: 'wait', share: 0 }))
  stages(waiting)
  tiles(words.figures.map((label) => ({ label, value: '–', more: '' })))
  put($('.now'), words.idle); put($('.gap'), ''); put($('.said'), '')
  log([], true); trouble(null)
  $('.replaying').hidden = true
  $('.live').dataset.status = ''
}

function start() {
  run = String(props.value || '')
  turn += 1
  forget(); idle(); lost(false); choices(); draw()
  $('.live').classList.toggle('idle', !run)
  put($('.away code'), run ? address() : '')
  if (run) { ready(); poll(turn) }
}

// inside a Space the page stands in a frame whose address nobody shares
function address() {
  const at = new URL(words.space ? `https://huggingface.co/spaces/${words.space}` : location.href)
  at.search = new URLSearchParams({ run })
  return at.href
}

element.addEventListener('input', (event) => {
  if (event.target.matches('.smoothing')) { chart.smoothing = Number(event.target.value); draw() }
})
element.addEventListener('change', (event) => {
  if (event.target.matches('.logscale')) { chart.log = event.target.checked; chart.sight.loss = null; draw() }
  if (event.target.matches('.member select')) { chart.member = event.target.value; draw() }
})
element.addEventListener('click', (event) => {
  if (event.target.matches('.copy')) window.stillroomCopy(address(), event.target, words.copied)
  if (event.target.matches('.replaying button')) replay()
})
element.addEventListener('toggle', (event) => { if (event.target.matches('.twin')) table() }, true)
document.addEventListener('visibilitychange', () => { if (!document.hidden) again() })
window.addEventListener('online', again)
window.addEventListener('pageshow', again)
// a chart that was laid out while its step was hidden has no width until the step is shown
new ResizeObserver(draw).observe(element)
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ['class'] })
// a resumed run has the same id, so its value does not change: the page says so itself
$('.live').addEventListener('wake', () => { turn += 1; status = ''; lastAnswer = null; stopping = ''; poll(turn) })
// Stop asks here whether it is meant; a run of less than a minute is no loss. A second click before the answer to the
// first is none: a run that is asked twice ends without its comparison.
$('.live').sure = async () => {
  if (stopping === run) return false
  const meant = seconds < words.ask_after || await question()
  if (meant) stopping = run
  return meant
}
const question = () => new Promise((answer) => {
  const box = $('dialog.ask')
  box.onclose = () => answer(box.returnValue === 'yes')
  box.onclick = (event) => { if (event.target.value) box.close(event.target.value) }
  box.returnValue = 'no'
  box.showModal()
})
watch('value', start)
start()
