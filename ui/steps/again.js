// While something is being measured the page looks again, now and then.
let waits
function wait() {
  clearTimeout(waits)
  if (element.querySelector('[data-again]')) waits = setTimeout(async () => {
    // an event that meets no server has Gradio load the page anew when there is one again, and what was typed is gone
    const isServed = await fetch('gradio_api/app_id').then((answer) => answer.ok, () => false)
    if (!element.isConnected) return
    if (isServed) trigger('again')
    wait()
  }, 1500)
}
watch('value', wait)
wait()
