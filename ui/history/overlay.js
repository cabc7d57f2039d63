// Two or three runs over one another. The curves come as numbers, the tables as HTML whose texts the server escaped.
const words = props.words, $ = (query) => element.querySelector(query)
const make = (tag, className, text) => Object.assign(document.createElement(tag), { className: className ?? '', textContent: text ?? '' })
// told apart by dash and marker as well as by colour
const LOOKS = [['student', 'solid', 'circle'], ['valid', 'dash', 'square'], ['body-text-color', 'dot', 'diamond']]
const colour = (name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim()
let laid = null, plot = 'accuracy'
const name = (plot) => plot === 'metric' ? laid.metric : words[plot]

function keys(runs) {
  $('.overlay .keys').replaceChildren(...runs.map((run, index) => {
    const item = make('li'), line = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    line.setAttribute('viewBox', '0 0 36 10')
    line.setAttribute('aria-hidden', 'true')
    const stroke = document.createElementNS('http://www.w3.org/2000/svg', 'line')
    const dash = { solid: '', dash: '9 4', dot: '2 4' }[LOOKS[index][1]]
    for (const [name, value] of Object.entries({ x1: 0, x2: 36, y1: 5, y2: 5, stroke: `var(--${LOOKS[index][0]})`, 'stroke-width': 3, 'stroke-dasharray': dash })) stroke.setAttribute(name, value)
    line.append(stroke)
    item.append(line, make('b', '', run.letter), make('span', '', run.name))
    return item
  }))
}

async function draw() {
  const node = $('.overlay .plot')
  if (!laid || !node?.clientWidth) return
  const emptyNote = $('.overlay .frame .empty'), drawn = laid.runs.filter((run) => run.curves[plot])
  emptyNote.hidden = drawn.length > 0
  emptyNote.textContent = words.nothing
  node.setAttribute('aria-label', `${name(plot)}: ${drawn.map((run) => `${run.letter} ${run.name}`).join('; ')}`)
  let library
  try { library = await window.stillroomPlotly() } catch (error) { emptyNote.hidden = false; emptyNote.textContent = words.nochart; return }
  if (!node.isConnected) return
  const ink = colour('body-text-color-subdued'), line = colour('border-color-primary')
  const axis = { gridcolor: line, linecolor: line, zeroline: false, tickcolor: line, automargin: true }
  const share = plot !== 'loss'
  const curves = drawn.map((run) => {
    const [x, y] = run.curves[plot]
    return [x, share ? y.map((value) => 100 * value) : y]
  })
  const traces = drawn.map((run, index) => {
    const [paint, dash, symbol] = LOOKS[laid.runs.indexOf(run)], [x, y] = curves[index]
    return { x, y, name: run.letter, type: 'scatter', mode: x.length < 60 ? 'lines+markers' : 'lines', line: { color: colour(paint), width: 2.5, dash },
      marker: { size: 6, symbol }, hovertemplate: `${run.letter} ${share ? '%{y:.1f}\u00a0%' : '%{y:.3f}'}<extra></extra>` }
  })
  // names at the ends of the curves; where two end at about the same place, one stands above the other
  const range = (axis) => { const all = curves.flatMap((curve) => curve[axis]); return Math.max(...all) - Math.min(...all) }
  const [wide, high] = [range(0) / 20, range(1) / 20]
  const ends = drawn.map((run, index) => ({ x: curves[index][0].at(-1), y: curves[index][1].at(-1), text: `<b>${run.letter}</b>`, showarrow: false, xanchor: 'left', xshift: 6, yshift: 0,
    font: { color: colour(LOOKS[laid.runs.indexOf(run)][0]) } })).sort((one, other) => one.y - other.y)
  ends.forEach((end, index) => {
    const below = ends.slice(0, index).filter((other) => Math.abs(other.x - end.x) < wide && end.y - other.y < high)
    end.yshift = 7 * below.length
    for (const other of below) other.yshift -= 7
  })
  library.react(node, traces, {
    autosize: true, margin: { l: 44, r: 28, t: 8, b: 36 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', annotations: ends,
    font: { family: 'IBM Plex Sans, sans-serif', size: 12, color: ink }, showlegend: false, hovermode: 'x unified', dragmode: 'zoom', uirevision: plot, separators: window.stillroomMarks(),
    hoverlabel: { bgcolor: colour('background-fill-primary'), bordercolor: line, font: { color: colour('body-text-color') } },
    xaxis: { ...axis, title: { text: words.steps, standoff: 6 }, rangemode: 'tozero' },
    yaxis: { ...axis, ...(share ? window.stillroomShares : {}) },
  }, { displayModeBar: false, responsive: true, doubleClick: 'reset' })
}

async function overlay(runs) {
  const answer = await window.stillroomAnswer(server.overlaid({ runs })), box = $('.overlay')
  if (answer.error) return answer.error
  laid = answer
  box.hidden = false
  keys(answer.runs)
  // runs that were chosen by another metric than accuracy open on that
  const own = box.querySelector('[data-plot=metric]')
  own.textContent = answer.metric
  own.hidden = !answer.metric
  if (answer.metric) plot = 'metric'
  else if (plot === 'metric') plot = 'accuracy'
  press()
  box.querySelector('.tables').innerHTML = answer.html
  draw()  // not waited for: the library may be long in coming, and the tables are there
  return ''
}

function press() {
  for (const one of $('.overlay .whose').children) one.setAttribute('aria-pressed', one.dataset.plot === plot)
}

function uncover() {
  laid = null
  $('.overlay').hidden = true
}

$('.overlay .whose').addEventListener('click', (event) => {
  const button = event.target.closest('[data-plot]')
  if (!button) return
  plot = button.dataset.plot
  press()
  draw()
})
new ResizeObserver(() => draw()).observe($('.overlay'))
new MutationObserver(() => draw()).observe(document.body, { attributes: true, attributeFilter: ['class'] })
