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
