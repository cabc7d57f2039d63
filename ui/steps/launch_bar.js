// The keys of the guided path, and the words of a refused value carried to its field.
const steps = ['task', 'teacher', 'augment', 'distil', 'compare']
const tab = (step) => document.getElementById(`step-${step}-button`)
const seen = (node) => node && !node.disabled && node.getClientRects().length > 0
const open = () => steps.find((step) => tab(step)?.getAttribute('aria-selected') === 'true')

// The one primary action of what is open: the last primary button that can be seen.
const primary = () => [...document.querySelectorAll('button.primary')].filter(seen).at(-1)

function key(event) {
  if (!element.isConnected) return removeEventListener('keydown', key)
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault()
    document.activeElement?.blur()  // what was typed is the form's before the button is pressed
    setTimeout(() => primary()?.click(), 60)
    return
  }
  const typing = event.target.closest?.('input:not([type=radio]):not([type=checkbox]):not([type=range]), textarea, select, [contenteditable=true]')
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (event.key === '?') document.querySelector(`#step-${open()} .why a`)?.click()
  const step = steps[Number(event.key) - 1]
  if (step && tab(step)) { tab(step).click(); tab(step).focus() }
}
addEventListener('keydown', key)

// A button that opened another step is gone with the old one: the focus goes to the new one's heading, which is read
// out, and the page to its top. A refused value has its own field.
let from = ''
document.addEventListener('click', (event) => { from = event.target.closest?.('button:not([role=tab])') ? open() : '' }, true)
function arrived() {
  const step = open()
  if (!from || !step || step === from) return
  from = ''
  requestAnimationFrame(() => {
    const head = document.querySelector(`#step-${step} h2[tabindex]`)
    if (!head || document.querySelector('#fault [data-field]')) return
    head.focus({ preventScroll: true })
    const smooth = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'
    document.getElementById('steps').scrollIntoView({ block: 'start', behavior: smooth })
  })
}
// Start and Stop take one another's place: the focus that a hidden button had stays in the step
function keepFocus() {
  if (document.activeElement === document.body) document.querySelector(`#step-${open()} h2[tabindex]`)?.focus({ preventScroll: true })
}
document.getElementById('step-distil')?.addEventListener('click', (event) => {
  if (event.target.closest('.actions button')) for (const wait of [300, 1000, 2500]) setTimeout(keepFocus, wait)
})
const listed = document.querySelector('#steps [role=tablist]')
if (listed) new MutationObserver(arrived).observe(listed, { subtree: true, attributes: true, attributeFilter: ['aria-selected'] })

// The field of a knob, once it can be seen, its accordion opened: it gets the focus, and `found` its words.
let looking = 0
function reveal(id, found, within = []) {
  const mine = ++looking  // the last wish counts
  let tries = 0
  const look = () => {
    if (mine !== looking) return
    for (const around of within) document.querySelector(`#${around} > button:not(.open)`)?.click()
    const field = document.getElementById(id)
    const closed = field?.closest('.block')?.parentElement?.closest('[style*="display: none"]')
    if (closed) closed.parentElement?.querySelector('button')?.click()
    const input = field && (field.matches('input, textarea') ? field : field.querySelector('input, textarea, button'))
    if (!seen(input)) { if (++tries < 40) setTimeout(look, 50); return }
    found?.(field, input)
    input.focus()
    field.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
  }
  look()
}

// What was chosen for the data is changed where it is typed.
element.addEventListener('click', (event) => {
  const change = event.target.closest?.('[data-change]')
  if (!change) return
  from = ''  // the focus goes to the field, not to the step's heading
  tab(change.dataset.step)?.click()
  reveal(change.dataset.change, null, change.dataset.within.split(' ').filter(Boolean))
})

// A refused value: its step opens, the words stand beside its field, and the field has the focus.
function tell(fault) {
  looking++  // one refusal is several changes of the page: the last one tells it
  document.querySelectorAll('.refusal').forEach((old) => old.remove())
  if (!fault) return
  reveal(fault.dataset.field, (field, input) => {
    const words = document.createElement('p')
    words.className = 'note error refusal'
    words.id = `${fault.dataset.field}-refusal`
    words.setAttribute('role', 'alert')
    words.textContent = fault.textContent
    field.append(words)
    input.setAttribute('aria-invalid', 'true')
    input.setAttribute('aria-describedby', words.id)
    field.addEventListener('input', () => {
      words.remove(); input.removeAttribute('aria-invalid'); input.removeAttribute('aria-describedby')
    }, { once: true })
  })
}
const faults = document.getElementById('fault')
if (faults) new MutationObserver(() => tell(faults.querySelector('[data-field]'))).observe(faults, { childList: true, subtree: true, attributes: true })
