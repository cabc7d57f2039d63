// The list of runs. What is asked for stands in the address, so that a reload, a link and Back show the same; the rows
// come from the server as HTML whose texts are escaped.
const MOST = 3, POLL = 2000, AGAIN = 4000, KEY = 'stillroom-runs', FIRST = '-created'
const wordy = ['name', 'status']  // sorted upwards at the first click; figures and dates downwards
let state = {}, ticked = new Map(), mark = '', turn = 0, timer = 0, typing = 0, alive = false
const rows = new Map(), opened = new Map()
const root = $('.history'), body = root.querySelector('.list tbody'), message = root.querySelector('.message')

// ---- what is asked for

function read() {
  const at = new URL(location).searchParams
  state = { q: at.get('q') ?? '', status: at.get('status') ?? '', task: at.get('task') ?? '', sort: at.get('sort') || FIRST, page: Number.parseInt(at.get('page')) || 1 }
  const wanted = (at.get('with') ?? '').split(',').filter(Boolean).slice(0, MOST)
  ticked = new Map(wanted.map((run) => [run, ticked.get(run) ?? '']))
}

function write(push) {
  const at = new URL(location), plain = { page: 1, sort: FIRST }
  for (const [name, value] of [...Object.entries(state), ['with', [...ticked.keys()].join(',')]])
    value && value !== plain[name] ? at.searchParams.set(name, value) : at.searchParams.delete(name)
  if (at.href !== location.href) history[push ? 'pushState' : 'replaceState'](history.state, '', at)
}

function remembered() {
  try { return JSON.parse(localStorage.getItem(KEY) || '[]') } catch (error) { return [] }
}

function remember(run) {
  try { localStorage.setItem(KEY, JSON.stringify([run, ...remembered().filter((id) => id !== run)].slice(0, 200))) } catch (error) {}
}

function change(news, push = true) {
  Object.assign(state, 'page' in news ? {} : { page: 1 }, news)
  tell('')
  write(push)
  return list()
}

// ---- what is shown

async function list(quiet = false) {
  const mine = ++turn
  clearTimeout(timer)
  let wait = AGAIN
  try {
    const answer = await window.stillroomAnswer(server.look({ ...state, ids: props.public ? remembered() : [], mark: quiet ? mark : '' }))
    if (mine !== turn || !element.isConnected) return
    if (message.dataset.lost) tell('')
    if (!answer.same) show(answer)
    alive = answer.alive
    wait = alive ? POLL : 0
  } catch (error) {
    if (mine !== turn) return
    tell(words.lost, true)
    message.dataset.lost = '1'
  }
  if (wait) timer = setTimeout(() => { if (!document.hidden) list(true) }, wait)
}

function tell(text, plain = false) {
  delete message.dataset.lost
  plain ? message.replaceChildren(make('p', 'note', text)) : message.innerHTML = text
}

const node = (html) => {
  const holder = document.createElement('template')
  holder.innerHTML = html
  return holder.content.firstElementChild
}

function show(answer) {
  const focused = document.activeElement?.closest?.('[data-key], [data-page]'), where = focused?.closest('[data-run]')
  mark = answer.mark
  Object.assign(state, { page: answer.page, sort: answer.sort })
  fill(body, answer.rows)
  const examples = root.querySelector('.examples')
  fill(examples.querySelector('tbody'), answer.examples)
  examples.hidden = !answer.examples.length
  if (!answer.total) examples.open = true
  body.closest('.scroll').hidden = !answer.total
  const empty = root.querySelector('.runs .empty')
  empty.hidden = !!answer.total
  empty.textContent = answer.empty
  const summary = root.querySelector('.told')
  if (summary.textContent !== answer.told) summary.textContent = answer.told
  const pages = root.querySelector('.pages')
  if (pages.dataset.now !== answer.pages) { pages.innerHTML = answer.pages; pages.dataset.now = answer.pages }
  choices(answer.tasks)
  heads()
  bar()
  if (focused && !focused.isConnected) (where ? root.querySelector(`tr[data-run="${where.dataset.run}"] [data-key="${focused.dataset.key}"]`) : pages.querySelector('[aria-current]'))?.focus()
}

function fill(place, list) {
  const nodes = list.flatMap((run) => {
    let known = rows.get(run.id)
    if (!known || known.html !== run.html) known = { ...run, tr: node(run.html) }
    known.more = run.more
    rows.set(run.id, known)
    known.tr.querySelector('input').checked = ticked.has(run.id)
    if (ticked.has(run.id)) ticked.set(run.id, run.name)
    const detail = opened.get(run.id)
    known.tr.querySelector('[data-do=more]').setAttribute('aria-expanded', !!detail)
    if (detail) refresh(detail, run.more)
    return detail ? [known.tr, detail] : [known.tr]
  })
  if (nodes.length !== place.children.length || nodes.some((one, index) => one !== place.children[index])) place.replaceChildren(...nodes)
}

// What can be done changes with the state; what is being typed stays.
function refresh(detail, html) {
  const fresh = node(html).querySelector('.acts-row'), old = detail.querySelector('.acts-row')
  if (fresh.innerHTML === old.innerHTML) return
  const key = old.contains(document.activeElement) ? document.activeElement.dataset.key : ''
  old.replaceWith(fresh)
  if (key) (fresh.querySelector(`[data-key="${key}"]`) ?? fresh.firstElementChild).focus()
}

function choices(tasks) {
  for (const name of ['q', 'status', 'sort']) {
    const field = root.querySelector(`.filters [name=${name}]`)
    if (field !== document.activeElement) field.value = state[name]
  }
  const field = root.querySelector('.filters [name=task]')
  field.parentElement.hidden = tasks.length < 2 && !state.task
  if (state.task && !tasks.some(([task]) => task === state.task)) tasks = [...tasks, [state.task, state.task]]
  field.replaceChildren(field.firstElementChild, ...tasks.map(([task, text]) => Object.assign(make('option', '', text), { value: task })))
  field.value = state.task
}

function heads() {
  for (const button of root.querySelectorAll('[data-sort]')) {
    const on = state.sort.replace('-', '') === button.dataset.sort, down = state.sort.startsWith('-')
    const head = button.closest('th')
    on ? head.setAttribute('aria-sort', down ? 'descending' : 'ascending') : head.removeAttribute('aria-sort')
  }
}

function bar() {
  const box = root.querySelector('.ticked')
  box.hidden = !ticked.size || !!laid  // beside the overlay itself it would only be in the way
  box.querySelector('span').textContent = words[ticked.size === 1 ? 'ticked.one' : 'ticked'].replace('{n}', ticked.size)
  box.querySelector('.main').disabled = ticked.size < 2
}

// ---- what is done

function tick(run, on, box) {
  if (on && ticked.size >= MOST) {
    box.checked = false
    tell(words.most, true)
    return
  }
  on ? ticked.set(run, rows.get(run)?.name ?? '') : ticked.delete(run)
  write(false)
  bar()
  if (laid) ticked.size > 1 ? lay(false) : close(false)
}

function close(focus = true) {
  uncover()
  bar()
  if (focus) root.querySelector('.ticked .main').focus()
}

async function lay(move = true) {
  let fault
  try { fault = await overlay([...ticked.keys()]) } catch (error) { tell(words.lost, true); return }
  if (fault) { tell(fault); return }
  bar()
  if (move) { $('.overlay').focus({ preventScroll: true }); $('.overlay').scrollIntoView({ block: 'start' }) }
}

function open(run, tr) {
  const detail = opened.get(run)
  if (detail) {
    detail.remove()
    opened.delete(run)
  } else {
    const detailRow = node(rows.get(run).more)
    opened.set(run, detailRow)
    tr.after(detailRow)
    detailRow.querySelector('input, a')?.focus()
  }
  tr.querySelector('[data-do=more]').setAttribute('aria-expanded', !detail)
}

async function act(what, run, more = {}) {
  let answer
  try { answer = await window.stillroomAnswer(server.act({ act: what, run, ...more })) } catch (error) { tell(words.lost, true); return false }
  tell(answer.html)
  if (what === 'delete' && !answer.failed) {
    opened.get(run)?.remove()
    opened.delete(run)
    if (ticked.delete(run)) write(false)
  }
  await list()
  if (what === 'delete' && !answer.failed) message.querySelector('button')?.focus()
  return !answer.failed
}

root.addEventListener('click', (event) => {
  const button = event.target.closest('button')
  if (!button || !root.contains(button)) return
  const run = button.closest('[data-run]')?.dataset.run, { sort, page, do: what } = button.dataset
  if (sort) {
    const now = state.sort.replace('-', ''), down = state.sort.startsWith('-')
    change({ sort: now === sort ? (down ? sort : `-${sort}`) : wordy.includes(sort) ? sort : `-${sort}` })
  } else if (page) {
    change({ page: Number(page) }).then(() => root.querySelector('.told').scrollIntoView({ block: 'nearest' }))
  } else if (what === 'more') open(run, button.closest('tr'))
  else if (what === 'take') trigger('take', { run })
  else if (what === 'overlay') lay()
  else if (what === 'close') close()
  else if (what === 'untick') { ticked.clear(); uncover(); write(false); list() }
  else if (what) act(what, run)
})
root.addEventListener('change', (event) => {
  const field = event.target
  if (field.matches('.tick input')) tick(field.closest('tr').dataset.run, field.checked, field)
  else if (field.matches('.filters select')) change({ [field.name]: field.value })
})
root.addEventListener('input', (event) => {
  if (event.target.name !== 'q') return
  clearTimeout(typing)
  state.q = event.target.value  // at once: an answer to something else, meanwhile, would put the old word back
  typing = setTimeout(() => change({}, false), 250)
})
root.addEventListener('submit', (event) => {
  event.preventDefault()
  const { name, note } = event.target.elements, run = event.target.closest('tr').dataset.run
  act('edit', run, { name: name.value, note: note.value }).then((done) => { if (done) tell(words.saved, true) })
})
root.addEventListener('keydown', (event) => {
  const detail = event.target.closest('.detail')
  if (event.key === 'Escape' && detail) {
    const { tr } = rows.get(detail.dataset.run)
    open(detail.dataset.run, tr)
    tr.querySelector('[data-do=more]').focus()
  }
})

// a run dropped anywhere on the page goes where the drop area would have put it
for (const kind of ['dragover', 'drop']) document.addEventListener(kind, (event) => {
  const input = document.querySelector('#import-file input[type=file]')
  if (!element.isConnected || !input || !event.dataTransfer?.types.includes('Files') || event.target.closest?.('#import-file')) return
  event.preventDefault()
  if (kind !== 'drop') return
  input.files = event.dataTransfer.files
  input.dispatchEvent(new Event('change', { bubbles: true }))
})
// the import says so when it is done: it is an event of Gradio's
root.addEventListener('wake', () => {
  const run = document.querySelector('#import-message [data-run]')?.dataset.run
  if (run) remember(run)
  list()
})
document.addEventListener('visibilitychange', () => { if (!document.hidden && element.isConnected) list(true) })
window.addEventListener('popstate', () => { if (element.isConnected) { read(); uncover(); list() } })
read()
list().then(() => { if (ticked.size > 1) lay(false) })
