// Draws the figures that its value describes. Names come from the run, so they go in as text that plotly may not read as
// markup: angle brackets are replaced.
const box = element.querySelector('.pictures')
const make = (tag, className, text) => Object.assign(document.createElement(tag), { className: className ?? '', textContent: text ?? '' })
const colour = (name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim()
const plain = (text) => String(text).replaceAll('<', '‹').replaceAll('>', '›')
const tint = (who) => colour(who === 'floor' ? 'control' : who)

function traces(figure) {
  const right = Math.max(...figure.points.map((point) => point.x)) // beside its point a name is clear of the whiskers
  const dots = figure.points.map((point, index) => ({
    x: [point.x], y: [100 * point.y], type: 'scatter', mode: point.small || figure.line ? 'markers' : 'markers+text', text: [plain(point.name)],
    textposition: point.x === right ? 'top left' : 'bottom right', textfont: { size: 12, color: tint(point.who) }, cliponaxis: false, name: plain(point.name),
    marker: { symbol: point.symbol, size: point.small || figure.line ? 8 : point.who === 'student' ? 16 : 12, color: tint(point.who), opacity: point.small ? 0.6 : 1, line: { width: 2, color: tint(point.who) } },
    error_y: { type: 'data', array: [100 * point.up], arrayminus: [100 * point.down], color: tint(point.who), thickness: 1.5, width: 4 },
    hovertemplate: `${plain(point.told)} · ${plain(point.shown)}<extra></extra>`,
  }))
  const line = (points, dash) => ({ x: points.map((point) => point.x), y: points.map((point) => 100 * point.y), type: 'scatter', mode: 'lines', hoverinfo: 'skip',
    line: { color: colour('student'), width: 1.5, dash, shape: dash === 'dot' ? 'hv' : 'linear' } })
  if (figure.line) return [line(figure.points, 'solid'), ...dots]
  return figure.front.length > 1 ? [line(figure.front.map((at) => figure.points[at]), 'dot'), ...dots] : dots
}

function layout(figure) {
  const ink = colour('body-text-color-subdued'), line = colour('border-color-primary')
  const axis = { gridcolor: line, linecolor: line, zeroline: false, automargin: true }
  const logs = figure.points.map((point) => Math.log10(point.x)), low = Math.min(...logs), high = Math.max(...logs), air = Math.max(0.3, (high - low) * 0.16)
  return {
    autosize: true, margin: { l: 48, r: 16, t: 26, b: 44 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, hovermode: 'closest', separators: window.stillroomMarks(),
    font: { family: 'IBM Plex Sans, sans-serif', size: 12, color: ink }, dragmode: false,
    hoverlabel: { bgcolor: colour('background-fill-primary'), bordercolor: line, font: { color: colour('body-text-color') } },
    xaxis: { ...axis, title: { text: figure.x, standoff: 8 }, type: 'log', range: [low - air, high + air], fixedrange: true, exponentformat: 'SI', dtick: 1 },
    yaxis: { ...axis, title: { text: '' }, ...window.stillroomShares, fixedrange: true },
  }
}

async function show() {
  const summary = props.value ? JSON.parse(props.value) : null
  element.querySelector('.hint').hidden = !summary
  if (!summary) { box.replaceChildren(); return }
  if (box.dataset.now !== props.value) {
    box.dataset.now = props.value
    box.replaceChildren(...summary.figures.map((figure) => {
      const item = make('figure'), plot = make('div', 'plot')
      plot.dataset.plot = figure.id
      plot.setAttribute('role', 'img')
      plot.setAttribute('aria-label', `${figure.title}. ${figure.points.map((point) => `${point.told}, ${point.shown}`).join('. ')}`)
      item.append(make('figcaption', '', figure.title), plot)
      return item
    }))
  }
  let library
  try { library = await window.stillroomPlotly() } catch (error) { return } // the table above holds the same numbers
  summary.figures.forEach((figure, index) => {
    const node = box.children[index]?.querySelector('.plot')
    if (node?.isConnected && node.clientWidth) library.react(node, traces(figure), layout(figure), { displayModeBar: false, responsive: true })
  })
}

let frameRequested = false
const soon = () => { if (!frameRequested) { frameRequested = true; requestAnimationFrame(() => { frameRequested = false; show() }) } }
watch('value', soon)
new ResizeObserver(soon).observe(element)
new MutationObserver(soon).observe(document.body, { attributes: true, attributeFilter: ['class'] })
soon()
