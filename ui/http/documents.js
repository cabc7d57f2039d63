// What every page may call.

// Plotly ships inside its Python package and is fetched once, before there is anything to draw.
window.stillroomPlotly = () => window.stillroomDrawing ||= new Promise((done, fail) => {
  const script = document.createElement('script')
  script.src = 'assets/plotly.min.js'
  script.onload = () => done(window.Plotly)
  script.onerror = () => { window.stillroomDrawing = null; script.remove(); fail(new Error('plotly')) }
  document.head.append(script)
})

// Numbers as the page's language writes them; a share with its sign, which a space stands before.
window.stillroomNumber = (value, digits = 0) =>
  value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits })
window.stillroomPercent = (share, digits = 1) => `${window.stillroomNumber(100 * share, digits)}\u00a0%`
// plotly's words for the same: its point and comma, and an axis of shares, which it is given in hundredths
window.stillroomMarks = () => window.stillroomNumber(12345.5, 1).replace(/\d/g, '').split('').reverse().join('')
window.stillroomShares = { tickformat: '.0f', ticksuffix: '\u00a0%' }

// What the server answers. The library that asks swallows its own failure to ask: then there is no answer.
window.stillroomAnswer = async (request) => {
  const answer = await request
  if (!answer) throw new Error('away')
  return answer
}

// Copies a text; on a page without a secure context there is no clipboard but the old command.
window.stillroomCopy = async (text, button, done) => {
  const before = button.textContent
  try { await navigator.clipboard.writeText(text) } catch (error) {
    const box = Object.assign(document.createElement('textarea'), { value: text })
    document.body.append(box)
    box.select()
    document.execCommand('copy')
    box.remove()
  }
  button.textContent = done
  setTimeout(() => { button.textContent = before }, 2000)
}

// A file that is too large is told before it travels, where it was dropped.
{
  const refuse = (event, files, target) => {
    const limit = document.querySelector('meta[name=largest-upload]'), most = Number(limit.content)
    const block = target.closest('.block') ?? target, large = [...files ?? []].find((file) => file.size > most)
    block.parentElement.querySelector('.too-large')?.remove()
    if (!large) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (target.matches('input')) target.value = ''
    const words = { name: large.name, size: Math.ceil(large.size / 1e6), most: Math.floor(most / 1e6) }
    const refusal = Object.assign(document.createElement('p'), { className: 'note error too-large',
      textContent: limit.dataset.told.replace(/\{(\w+)\}/g, (_, key) => words[key].toLocaleString(document.documentElement.lang)) })
    refusal.setAttribute('role', 'alert')
    block.after(refusal)
  }
  addEventListener('change', (event) => { if (event.target.matches?.('input[type=file]')) refuse(event, event.target.files, event.target) }, true)
  addEventListener('drop', (event) => { if (event.target.closest?.('.block')) refuse(event, event.dataTransfer?.files, event.target) }, true)
}
