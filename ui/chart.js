// The live view of one run. `props.value` is the run's id and nothing else; everything shown is asked of the server by
// cursor, so that a reload, a second tab or a late visitor sees the same. Text goes in through textContent only.
const words = props.words, $ = (query) => element.querySelector(query)
let turn = 0, run = '', cursor = null, series = {}, lines = [], shown = '', pinned = false, log = false, status = ''
let drawn = { loss: null, accuracy: null }

const make = (tag, className, text) => {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

// Plotly ships inside its Python package and is fetched once, when a chart first has something to draw.
const plotly = () => window.stillroomPlotly ||= new Promise((done, fail) => {
  const script = make('script')
  script.src = 'assets/plotly.min.js'
  script.onload = () => done(window.Plotly)
  script.onerror = () => { window.stillroomPlotly = null; fail(new Error('plotly')) }
  document.head.append(script)
})

const colour = (name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim()
const still = { loss: ['loss', 'valid_loss'], accuracy: ['valid_accuracy'] }
const paint = (stage, what, plot) => plot === 'accuracy' ? stage : what === 'valid_loss' ? 'valid' : stage

function wanted(plot) {
  // the loss of one stage (their scales differ), the accuracy of all
  const stages = plot === 'loss' ? [shown] : ['teacher', 'control', 'student']
  return stages.flatMap((stage) => still[plot].map((what) => [stage, what])).filter(([stage, what]) => series[`${stage}/${what}`])
}

function trace([stage, what], plot) {
  const name = plot === 'accuracy' ? words.stage[stage] : words.series[what], data = series[`${stage}/${what}`]
  const few = data.x.length < 60
  return {
    x: data.x.slice(), y: data.y.slice(), name, type: 'scatter', mode: what === 'loss' ? 'lines' : few ? 'lines+markers' : 'lines',
    line: { color: colour(paint(stage, what, plot)), width: what === 'loss' ? 1.5 : 2.5, dash: stage === 'control' && plot === 'accuracy' ? 'dot' : 'solid' },
    marker: { size: 5 }, hovertemplate: `${name} %{y:.3f}<extra></extra>`, meta: `${stage}/${what}`,
  }
}

function layout(plot) {
  const ink = colour('body-text-color-subdued'), line = colour('border-color-primary')
  const axis = { gridcolor: line, linecolor: line, zeroline: false, tickcolor: line, automargin: true }
  const marks = plot === 'accuracy' ? lines : []
  // two lines at about the same height: the second one's words stand beside the first one's
  const beside = (mark, index) => marks.slice(0, index).filter((other) => Math.abs(other.value - mark.value) < 0.05).length
  return {
    autosize: true, margin: { l: 44, r: 12, t: 8, b: 36 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: 'IBM Plex Sans, sans-serif', size: 12, color: ink }, showlegend: false, hovermode: 'x unified',
    hoverlabel: { bgcolor: colour('background-fill-primary'), bordercolor: line, font: { color: colour('body-text-color') } },
    uirevision: `${run} ${plot} ${log} ${plot === 'loss' ? shown : ''}`, dragmode: 'zoom',
    xaxis: { ...axis, title: { text: words.steps, standoff: 6 }, rangemode: 'tozero' },
    yaxis: { ...axis, type: plot === 'loss' && log ? 'log' : 'linear', tickformat: plot === 'accuracy' ? '.0%' : '' },
    shapes: marks.map((mark) => ({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: mark.value, y1: mark.value,
      line: { color: colour(mark.name === 'floor' ? 'control' : mark.name), width: 1.5, dash: mark.name === 'teacher' ? 'dash' : mark.name === 'floor' ? 'dashdot' : 'dot' } })),
    annotations: marks.map((mark, index) => ({ xref: 'paper', x: 1 - 0.33 * beside(mark, index), xanchor: 'right', y: mark.value, yanchor: 'bottom', text: mark.text, showarrow: false,
      font: { size: 11, color: colour(mark.name === 'floor' ? 'control' : mark.name) } })),
  }
}

async function draw() {
  for (const plot of ['loss', 'accuracy']) {
    const node = $(`[data-plot=${plot}]`)
    if (!node) return
    const keys = wanted(plot)
    $(`[data-empty=${plot}]`).hidden = keys.length > 0
    legend(plot, keys)
    if (!keys.length && !drawn[plot]) continue
    let library
    try { library = await plotly() } catch (error) { say(words.nochart); return }
    if (!node.isConnected || !node.clientWidth) { drawn[plot] = null; continue }
    const names = wanted(plot).map((key) => key.join('/'))
    const look = [run, log, shown, document.body.className, JSON.stringify(lines), ...names].join(' ')
    if (drawn[plot]?.look === look) {
      // only new points: append, which keeps the zoom and costs next to nothing
      const { counts } = drawn[plot], fresh = names.map((name, index) => index).filter((index) => series[names[index]].x.length > counts[index])
      if (!fresh.length) continue
      const news = (axis) => fresh.map((index) => series[names[index]][axis].slice(counts[index]))
      const [x, y] = [news('x'), news('y')]
      drawn[plot].counts = names.map((name) => series[name].x.length)
      library.extendTraces(node, { x, y }, fresh)
      continue
    }
    drawn[plot] = { look, counts: names.map((name) => series[name].x.length) }
    library.react(node, wanted(plot).map((key) => trace(key, plot)), layout(plot), { displayModeBar: false, responsive: true, doubleClick: 'reset' })
  }
}

function legend(plot, keys) {
  const box = $(`[data-legend=${plot}]`)
  const wish = keys.map(([stage, what]) => [paint(stage, what, plot), plot === 'accuracy' ? words.stage[stage] : words.series[what]])
  if (box.dataset.now === JSON.stringify(wish)) return
  box.dataset.now = JSON.stringify(wish)
  box.replaceChildren(...wish.map(([name, text]) => {
    const item = make('span', 'key', text), swatch = make('i')
    swatch.style.background = `var(--${name})`
    item.prepend(swatch)
    return item
  }))
}

function choose() {
  const stages = ['teacher', 'control', 'student'].filter((stage) => series[`${stage}/loss`])
  if (!pinned && stages.length) shown = stages.at(-1)
  const box = $('.whose')
  if (box.dataset.now === stages + shown) return
  box.dataset.now = stages + shown
  box.replaceChildren(...(stages.length > 1 ? stages : []).map((stage) => {
    const button = make('button', stage === shown ? 'on' : '', words.stage[stage])
    button.type = 'button'
    button.setAttribute('aria-pressed', stage === shown)
    button.onclick = () => { shown = stage; pinned = true; choose(); draw() }
    return button
  }))
}

function thin(data) {
  // beyond 4,000 points keep each bucket's lowest and highest: what the eye sees of a curve
  const size = Math.ceil(data.x.length / 1000), x = [], y = []
  for (let from = 0; from < data.x.length; from += size) {
    let low = from, high = from
    for (let at = from; at < Math.min(from + size, data.x.length); at++) {
      if (data.y[at] < data.y[low]) low = at
      if (data.y[at] > data.y[high]) high = at
    }
    for (const at of low < high ? [low, high] : low === high ? [low] : [high, low]) { x.push(data.x[at]); y.push(data.y[at]) }
  }
  return { x, y }
}

const say = (text) => { const box = $('.now'); if (box && box.textContent !== text) box.textContent = text }

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
    item.children[0].textContent = stage.name
    item.children[1].textContent = stage.text
    item.children[2].style.setProperty('--share', stage.share ?? 0)
    if (stage.state === 'run') item.setAttribute('aria-current', 'step')
    else item.removeAttribute('aria-current')
  })
}

function notes(list, reset) {
  const box = $('.log ol')
  if (reset) box.replaceChildren()
  for (const [level, text] of list) box.append(make('li', level, text))
  $('.log').hidden = !box.children.length
  if (list.length) box.scrollTop = box.scrollHeight
}

function table() {
  const body = $('.twin tbody')
  if (!$('.twin').open) return
  const rows = Object.entries(series).map(([name, { x, y }]) => {
    const [stage, what] = name.split('/'), best = what.includes('accuracy') ? Math.max(...y) : Math.min(...y)
    const number = (value) => what.includes('accuracy') ? `${(100 * value).toFixed(1)} %` : value.toFixed(4)
    const row = make('tr')
    for (const text of [words.stage[stage] || stage, words.series[what] || what, x.length, x.at(-1), number(y.at(-1)), number(best)]) row.append(make('td', '', text))
    return row
  })
  body.replaceChildren(...rows)
}

function forget() {
  cursor = null; series = {}; lines = []; shown = ''; pinned = false; status = ''; drawn = { loss: null, accuracy: null }
  for (const node of element.querySelectorAll('[data-plot]')) if (window.Plotly && node.data) window.Plotly.purge(node)
}

function take(answer) {
  if (answer.reset) forget()
  cursor = answer.next
  for (const [name, [x, y]] of Object.entries(answer.series)) {
    const all = series[name] ||= { x: [], y: [] }
    all.x.push(...x); all.y.push(...y)
    if (all.x.length > 4000) { series[name] = thin(all); drawn = { loss: null, accuracy: null } }
  }
  lines = answer.lines
  say(answer.text)
  stages(answer.stages)
  notes(answer.log, answer.reset)
  choose()
  draw()
  table()
  element.querySelector('.live').dataset.status = answer.status
}

async function poll(mine) {
  if (mine !== turn || !element.isConnected) return
  let wait = 1000
  if (run && !document.hidden) {
    try {
      const answer = await server.points({ run, cursor })
      if (mine !== turn) return
      if (answer.error) { say(answer.error); return }
      take(answer)
      wait = answer.poll_ms
      if (answer.status !== status) { status = answer.status; trigger('moved', { run, status }) }
      if (answer.done) return
    } catch (error) {
      wait = 4000
      say(words.lost)
    }
  }
  setTimeout(() => poll(mine), wait)
}

function start() {
  run = String(props.value || '')
  turn += 1
  forget()
  draw(); notes([], true); choose()
  $('.live').classList.toggle('idle', !run)
  if (run) poll(turn)
}

element.addEventListener('change', (event) => {
  if (event.target.matches('.logscale')) { log = event.target.checked; draw() }
})
element.addEventListener('toggle', (event) => { if (event.target.matches('.twin')) table() }, true)
document.addEventListener('visibilitychange', () => { if (!document.hidden && run && element.isConnected) { turn += 1; poll(turn) } })
// a chart that was laid out while its step was hidden has no width until the step is shown
new ResizeObserver(() => draw()).observe(element)
new MutationObserver(() => draw()).observe(document.body, { attributes: true, attributeFilter: ['class'] })
// a resumed run has the same id, so its value does not change: the page says so itself
$('.live').addEventListener('wake', () => { turn += 1; status = ''; poll(turn) })
watch('value', start)
start()
