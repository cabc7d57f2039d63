// The drawing of the live view: one chart of scores, one of losses. `chart` holds what is drawn and how the visitor
// looks at it; live.js fills it.
const words = props.words, $ = (query) => element.querySelector(query)
const MAIN = '', ALL = '*' // names of a choice of members: the one to download, all of them
const DRAWN = 1500 // points of one line on the screen, of those in sight
const PLOTS = ['score', 'loss']
const chart = {
  series: {}, lines: [], best: null, metric: 'accuracy', stage: '', pinned: false, member: ALL,
  smoothing: 0.8, log: false, sight: { score: null, loss: null }, key: '', share: 1,
}

const make = (tag, className, text) => {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

const colour = (name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim()

// "student/valid_accuracy@seed 1" is of the stage student, and of another member than the one to download
function parts(name) {
  const [stage, rest = ''] = name.split('/'), [what, ...member] = rest.split('@')
  return { name, stage, what, member: member.join('@') }
}

const members = () => [...new Set(Object.keys(chart.series).map((name) => parts(name).member))]

// the loss of one stage (their scales differ), the score of all; another member's lines lie under the kept one's
function wanted(plot) {
  const score = [`valid_${chart.metric}`, 'valid_accuracy'].find((what) => Object.keys(chart.series).some((name) => parts(name).what === what))
  return Object.keys(chart.series).map(parts).filter(({ stage, what, member }) => {
    if (chart.member !== ALL && member !== chart.member && member !== MAIN) return false
    return plot === 'score' ? what === score && ['teacher', 'control', 'student'].includes(stage) : stage === chart.stage && ['loss', 'valid_loss'].includes(what)
  }).sort((a, b) => (a.member === MAIN) - (b.member === MAIN))
}

const paint = ({ stage, what }, plot) => plot === 'loss' && what === 'valid_loss' ? 'valid' : stage
const dash = ({ stage, what }, plot) => plot === 'score' ? { control: 'dot', teacher: 'dash' }[stage] ?? 'solid' : what === 'valid_loss' ? 'dash' : 'solid'
const title = ({ stage, what }, plot) => plot === 'score' ? words.stage[stage] : words.series[what]

// of each bucket the lowest and the highest, which is what the eye sees of a curve; [from, to) of the points
function thin({ x, y }, from, to, most, into) {
  const size = Math.max(1, Math.ceil((to - from) / (most / 2)))
  for (let start = from; start < to; start += size) {
    const end = Math.min(start + size, to)
    let low = start, high = start
    for (let at = start; at < end; at++) {
      if (y[at] < y[low]) low = at
      if (y[at] > y[high]) high = at
    }
    const indices = size <= 2 ? [...Array(end - start).keys()].map((n) => start + n) : [...new Set([low, high])].sort((a, b) => a - b)
    for (const at of indices) { into.x.push(x[at]); into.y.push(y[at]) }
  }
}

// all of the curve coarsely, and finely what is in sight: a zoom shows what the whole had no room for
function visible(data, sight) {
  const into = { x: [], y: [] }, all = Math.ceil(data.x.length * chart.share)
  if (!sight) { thin(data, 0, all, DRAWN, into); return into }
  const find = (value) => { let low = 0, high = all; while (low < high) { const at = (low + high) >> 1; data.x[at] < value ? low = at + 1 : high = at } return low }
  const from = Math.max(0, find(sight[0]) - 1), to = Math.min(all, find(sight[1]) + 1)
  thin(data, 0, from, DRAWN / 5, into); thin(data, from, to, DRAWN, into); thin(data, to, all, DRAWN / 5, into)
  return into
}

// an exponential mean that begins at the first value; weighed by the distance, so that thinned curves are smoothed alike
function smooth({ x, y }) {
  if (!x.length) return { x, y }
  const pace = (x.at(-1) - x[0]) / Math.max(1, x.length - 1) || 1, out = [y[0]]
  for (let at = 1; at < y.length; at++) {
    const weight = chart.smoothing ** Math.min(50, (x[at] - x[at - 1]) / pace)
    out.push(weight * out[at - 1] + (1 - weight) * y[at])
  }
  return { x, y: out }
}

function traces(plot) {
  return wanted(plot).flatMap((key) => {
    const all = chart.series[key.name], main = key.member === MAIN, seen = visible(all, chart.sight[plot])
    if (plot === 'score') seen.y = seen.y.map((share) => 100 * share)
    const few = seen.x.length < 60, name = main ? title(key, plot) : `${title(key, plot)} · ${key.member}`
    const line = { color: colour(paint(key, plot)), width: !main ? 1 : key.what === 'loss' ? 1.5 : 2.5, dash: dash(key, plot) }
    const look = {
      ...seen, name, type: 'scatter', mode: few && main && plot === 'score' ? 'lines+markers' : 'lines', line, marker: { size: 5 },
      opacity: main ? 1 : 0.45, hovertemplate: `${name} ${plot === 'score' ? '%{y:.1f}\u00a0%' : '%{y:.4f}'}<extra></extra>`, meta: key.name,
    }
    if (!chart.smoothing || few || key.what !== 'loss') return [look]
    const soft = { ...look, ...visible(smooth({ x: all.x, y: all.y }), chart.sight[plot]), hovertemplate: `${words.smoothed} %{y:.4f}<extra></extra>`, meta: `${key.name} smoothed`, line: { ...line, width: main ? 2.5 : 1.5 } }
    return [{ ...look, opacity: main ? 0.3 : 0.15, line: { ...line, width: 1 } }, soft]
  }).concat(plot === 'score' && chart.best && chart.share === 1 ? [{
    x: [chart.best.step], y: [100 * chart.best.value], name: chart.best.text, type: 'scatter', mode: 'markers', meta: 'best', cliponaxis: false,
    marker: { symbol: 'star', size: 14, color: colour('student'), line: { width: 1.5, color: colour('background-fill-primary') } }, hovertemplate: `★ ${chart.best.text}<extra></extra>`,
  }] : [])
}

function layout(plot) {
  const ink = colour('body-text-color-subdued'), line = colour('border-color-primary')
  const axis = { gridcolor: line, linecolor: line, zeroline: false, tickcolor: line, automargin: true }
  const marks = plot === 'score' ? chart.lines : []
  const tint = (mark) => colour(mark.name === 'floor' ? 'control' : mark.name)
  // two lines at about the same height: the second one's words stand beside the first one's
  const beside = (mark, index) => marks.slice(0, index).filter((other) => Math.abs(other.value - mark.value) < 0.05).length
  return {
    autosize: true, margin: { l: 44, r: 12, t: 14, b: 36 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', separators: window.stillroomMarks(),
    font: { family: 'IBM Plex Sans, sans-serif', size: 12, color: ink }, showlegend: false, hovermode: 'x unified',
    hoverlabel: { bgcolor: colour('background-fill-primary'), bordercolor: line, font: { color: colour('body-text-color') } },
    // what the visitor zoomed into stays while this stays
    uirevision: [chart.key, plot, plot === 'loss' && `${chart.log} ${chart.stage}`].join(' '),
    // a finger on the chart scrolls the page
    dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
    xaxis: { ...axis, title: { text: words.steps, standoff: 6 }, rangemode: 'tozero' },
    yaxis: { ...axis, type: plot === 'loss' && chart.log ? 'log' : 'linear', ...(plot === 'score' ? window.stillroomShares : {}) },
    shapes: marks.map((mark) => ({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: 100 * mark.value, y1: 100 * mark.value, layer: 'below',
      line: { color: tint(mark), width: 1.5, dash: { teacher: 'dash', floor: 'dashdot' }[mark.name] ?? 'dot' } })),
    annotations: marks.map((mark, index) => ({ xref: 'paper', x: 1 - 0.33 * beside(mark, index), xanchor: 'right', y: 100 * mark.value,
      yanchor: 'bottom', text: mark.text, showarrow: false, font: { size: 11, color: tint(mark) } })),
  }
}

let frameRequested = false
function draw() {
  if (frameRequested) return
  frameRequested = true
  requestAnimationFrame(() => { frameRequested = false; paintAll() })
}

async function paintAll() {
  for (const plot of PLOTS) {
    const node = $(`[data-plot=${plot}]`)
    if (!node) return
    const keys = wanted(plot)
    $(`[data-empty=${plot}]`).hidden = keys.length > 0
    legend(plot, keys)
    if (!keys.length && !node.data) continue
    let library
    try { library = await window.stillroomPlotly() } catch (error) { $('.now').textContent = words.nochart; return }
    if (!node.isConnected || !node.clientWidth) continue // a hidden step has no width; the observer draws it when it has
    const first = !node.data
    await library.react(node, traces(plot), layout(plot), { displayModeBar: false, responsive: true, doubleClick: 'reset' })
    if (first) node.on('plotly_relayout', () => {
      const axis = node.layout.xaxis
      chart.sight[plot] = axis.autorange ? null : [...axis.range]
      draw()
    })
  }
}

function legend(plot, keys) {
  const box = $(`[data-legend=${plot}]`), main = keys.filter((key) => key.member === MAIN)
  const wish = main.map((key) => [paint(key, plot), dash(key, plot), title(key, plot)])
  if (box.dataset.now === JSON.stringify(wish)) return
  box.dataset.now = JSON.stringify(wish)
  box.replaceChildren(...wish.map(([name, style, text]) => {
    const item = make('span', 'key', text), swatch = make('i')
    swatch.style.borderTop = `3px ${{ dot: 'dotted', dash: 'dashed' }[style] ?? 'solid'} var(--${name})`
    item.prepend(swatch)
    return item
  }))
}

// whose loss is shown, and which members: offered only where there is a choice
function choices() {
  const stages = ['teacher', 'control', 'student'].filter((stage) => chart.series[`${stage}/loss`])
  if (!chart.pinned && stages.length) chart.stage = stages.at(-1)
  const whose = $('.whose'), now = stages + chart.stage
  if (whose.dataset.now !== now) {
    whose.dataset.now = now
    whose.replaceChildren(...(stages.length > 1 ? stages : []).map((stage) => {
      const button = make('button', stage === chart.stage ? 'on' : '', words.stage[stage])
      button.type = 'button'
      button.setAttribute('aria-pressed', stage === chart.stage)
      button.onclick = () => { chart.stage = stage; chart.pinned = true; chart.sight.loss = null; choices(); draw() }
      return button
    }))
  }
  const names = members(), select = $('.member select')
  $('.member').hidden = names.length < 2
  if (select.dataset.now !== String(names)) {
    select.dataset.now = String(names)
    const option = (value, text) => Object.assign(make('option', '', text), { value })
    select.replaceChildren(option(ALL, words['member.all']), option(MAIN, words['member.main']), ...names.filter(Boolean).map((name) => option(name, name)))
    select.value = chart.member
  }
}
