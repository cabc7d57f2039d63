// What a run takes with each teacher, written on its card. Not by new words of the choice: an answer that comes late would
// then take back what was chosen meanwhile.
const write = () => {
  const times = JSON.parse(element.querySelector('[data-times]')?.dataset.times || '{}')
  for (const input of document.querySelectorAll('#teachers input[type=radio]')) {
    const words = input.parentElement.querySelector('span'), time = times[input.value] ?? ''
    if (words && words.dataset.time !== time) words.dataset.time = time
  }
}
// when the times are there, and when the cards are new; both come into the page after this script ran
const seen = new MutationObserver(write)
setTimeout(() => {
  for (const part of [element, document.getElementById('teachers')])
    if (part) seen.observe(part, { subtree: true, childList: true, attributeFilter: ['data-times'] })
  write()
})
