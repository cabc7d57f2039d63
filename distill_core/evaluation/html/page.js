// The page: what is typed is answered at once, lines and files are answered one by one into a CSV. Everything happens
// here: the page may not ask anything of anybody (its Content-Security-Policy), and works from a disk.

const element = (id) => document.getElementById(id)
const percent = (share) => `${(100 * share).toFixed(1)} %`
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/ // a spreadsheet computes a cell that begins so
const TEXTS_AT_ONCE = 50 // between which the page may draw

// The model within the page: base64 of a gzipped file of tensors, of which its own script makes what answers.
async function unpack() {
  const packed = Uint8Array.from(atob(element('model').textContent.trim()), (letter) => letter.charCodeAt(0))
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))
  const { tensors, strings } = readTensors(await new Response(stream).arrayBuffer())
  return buildModel(tensors, Object.fromEntries(Object.entries(strings).map(([name, text]) => [name, JSON.parse(text)])))
}

// The answer that logits mean: the probability of each label, the likeliest one, and whether the text is unlike what
// the model read.
function toAnswer(logits, { temperature = 1 }, unfamiliar = false) {
  const scaled = Array.from(logits, (logit) => logit / temperature)
  const most = Math.max(...scaled)
  const shares = scaled.map((logit) => Math.exp(logit - most))
  const total = shares.reduce((sum, share) => sum + share, 0)
  const probabilities = shares.map((share) => share / total)
  return { probabilities, likeliest: probabilities.indexOf(Math.max(...probabilities)), unfamiliar }
}

function answerLine(label) {
  const line = document.createElement('li')
  for (const name of ['label', 'share', 'track']) {
    line.append(Object.assign(document.createElement('span'), { className: name }))
  }
  const [name, , track] = line.children
  name.textContent = label
  track.setAttribute('aria-hidden', 'true')
  track.append(Object.assign(document.createElement('span'), { className: 'bar' }))
  return line
}

function liveAnswers({ settings, predict: ask }) {
  const boxes = [...document.querySelectorAll('.asked')]
  const lines = settings.labels.map(answerLine)
  element('answer').append(...lines)
  let waiting = 0
  let silence = 0
  const show = () => {
    waiting = 0
    const asked = boxes.every((box) => box.value.trim())
    const answer = asked ? ask(boxes.map((box) => box.value)) : null
    lines.forEach((line, label) => {
      const share = answer?.probabilities[label]
      line.classList.toggle('likeliest', answer?.likeliest === label)
      line.querySelector('.share').textContent = answer ? percent(share) : ''
      line.querySelector('.bar').style.width = `${100 * (share ?? 0)}%`
    })
    element('unfamiliar').hidden = !answer?.unfamiliar
    const deferred = answer && settings.defer && answer.probabilities[answer.likeliest] < settings.defer.threshold
    element('defer').hidden = !deferred
    if (deferred) {
      element('defer').textContent =
        `Less sure than ${percent(settings.defer.threshold)}: better ask its teacher, or a person. Above that at least `
        + `${percent(settings.defer.agreement)} of its answers are its teacher's.`
    }
    clearTimeout(silence) // a screen reader is told once the typing rests
    silence = setTimeout(() => {
      const label = answer && settings.labels[answer.likeliest]
      element('spoken').textContent = answer ? `${label}, ${percent(answer.probabilities[answer.likeliest])}` : ''
    }, 700)
  }
  for (const box of boxes) {
    box.addEventListener('input', () => {
      waiting ||= requestAnimationFrame(show)
    })
  }
  show()
}

// The rows of a table: cells parted by the delimiter, quoted where they hold it, a quote or a line's end.
function parseTable(text, delimiter) {
  const rows = [['']]
  for (let place = 0, quoted = false; place < text.length; place++) {
    const row = rows.at(-1)
    const sign = text[place]
    if (quoted) {
      if (sign !== '"') row[row.length - 1] += sign
      else if (text[place + 1] === '"') row[row.length - 1] += text[place++]
      else quoted = false
    } else if (sign === '"' && row.at(-1) === '') quoted = true
    else if (sign === delimiter) row.push('')
    else if (sign === '\n') rows.push([''])
    else if (sign !== '\r' || text[place + 1] !== '\n') row[row.length - 1] += sign
  }
  return rows.filter((row) => row.some((cell) => cell.trim()))
}

// The rows of a file: their cells, the names of its columns, and which of these hold the text, or the two of a pair. Of
// a table these are the columns that the model was trained on, or text (and text2); else the file has one text a line.
function readRows(text, name, { pair, columns: trained }) {
  text = text.replace(/^\ufeff/, '')
  const names = ['text', 'text2'].slice(0, pair ? 2 : 1)
  const places = names.map((_, place) => place)
  if (!/\.(csv|tsv)$/i.test(name)) {
    const lines = text.split(/\r?\n/).filter((line) => line.trim())
    return { names, places, rows: lines.map((line) => (pair ? line.split('\t') : [line])) }
  }
  const first = text.split('\n', 1)[0]
  const signs = ['\t', ';', ',']
  const delimiter = signs.reduce((best, sign) => (first.split(sign).length > first.split(best).length ? sign : best), ',')
  const rows = parseTable(text, delimiter)
  const head = (rows[0] ?? []).map((cell) => cell.trim())
  const small = head.map((cell) => cell.toLowerCase())
  for (const wanted of [trained ?? [], names]) {
    const found = wanted.map((one) => small.indexOf(one.trim().toLowerCase()))
    if (found.length && found.every((place) => place >= 0)) return { names: head, places: found, rows: rows.slice(1) }
  }
  if (rows.every((row) => row.length === names.length)) return { names, places, rows }
  const missing = (trained ?? names).map((one) => `“${one}”`).join(' and ')
  throw new Error(`The file has no column ${missing}, only ${head.join(', ')}. Rename the one with the text.`)
}

function csvCell(cell) {
  const safe = FORMULA.test(cell) && Number.isNaN(Number(cell || NaN)) ? `'${cell}` : cell
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

// The rows with their answers as CSV, all their columns kept; between some of them the page draws how far it is.
async function predictAll({ settings, predict: ask }, { names, places, rows }, tell) {
  const free = (name) => (names.includes(name) ? free(`predicted ${name}`) : name)
  const added = ['label', ...settings.labels.map((label) => `p ${label}`), ...(settings.familiarity ? ['unfamiliar'] : [])]
  const out = [[...names, ...added.map(free)]]
  for (const [place, row] of rows.entries()) {
    const cells = names.map((_, column) => row[column] ?? '')
    const texts = places.map((column) => cells[column])
    if (texts.some((text) => !text.trim())) {
      out.push([...cells, ...added.map(() => '')])
    } else {
      const { probabilities, likeliest, unfamiliar } = ask(texts)
      const shares = probabilities.map((share) => share.toFixed(4))
      out.push([...cells, settings.labels[likeliest], ...shares, ...(settings.familiarity ? [String(unfamiliar)] : [])])
    }
    if (place % TEXTS_AT_ONCE === 0) {
      tell(place)
      await new Promise((done) => setTimeout(done))
    }
  }
  return out.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

function manyTexts(model) {
  const button = element('save')
  const status = element('progress')
  const save = async (text, name) => {
    let table
    try {
      table = readRows(text, name, model.settings)
    } catch (error) {
      status.textContent = error.message
      return
    }
    const { rows } = table
    if (!rows.length) {
      status.textContent = 'There is no text. Paste some, one a line.'
      return
    }
    button.disabled = true
    try {
      const tell = (place) => (status.textContent = `${place.toLocaleString('en')} of ${rows.length.toLocaleString('en')}`)
      const csv = await predictAll(model, table, tell)
      const link = document.createElement('a')
      link.href = URL.createObjectURL(new Blob(['\ufeff', csv], { type: 'text/csv' }))
      link.download = 'predictions.csv'
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
      status.textContent = `Saved ${rows.length.toLocaleString('en')} predictions as ${link.download}.`
    } finally {
      button.disabled = false
    }
  }
  const read = async (file) => file && save(await file.text(), file.name)
  button.addEventListener('click', () => save(element('lines').value, ''))
  element('file').addEventListener('change', async ({ target }) => {
    await read(target.files[0])
    target.value = '' // the same file, mended, can be chosen again
  })
  const place = button.closest('section')
  document.addEventListener('dragover', (event) => {
    event.preventDefault()
    place.classList.add('over')
  })
  document.addEventListener('dragleave', () => place.classList.remove('over'))
  document.addEventListener('drop', (event) => {
    event.preventDefault()
    place.classList.remove('over')
    read(event.dataTransfer.files[0])
  })
}

globalThis.model = unpack()
globalThis.model.then(
  (model) => {
    liveAnswers(model)
    manyTexts(model)
  },
  (error) => {
    element('fault').hidden = false
    element('fault').textContent = typeof DecompressionStream === 'undefined'
      ? 'This browser is too old for the page. Open it in one from 2023 or later.'
      : `The file is damaged (${error.message}). Get it again from where you have it.`
  },
)
