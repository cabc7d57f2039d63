// The page is built in the browser, so the browser found no such place when it looked for the address's anchor.
const arrive = () => {
  const lesson = location.hash ? element.querySelector(`#${CSS.escape(location.hash.slice(1))}`) : null
  if (lesson?.matches('section.lesson')) { lesson.scrollIntoView({ block: 'start' }); lesson.querySelector('h2').focus({ preventScroll: true }) }
}
addEventListener('hashchange', arrive)
const links = [...element.querySelectorAll('nav a')]
const reached = new IntersectionObserver((seen) => seen.forEach((one) => {
  if (one.isIntersecting) for (const link of links) link.toggleAttribute('aria-current', link.hash === `#${one.target.id}`)
}), { rootMargin: '-30% 0px -65% 0px' })
for (const lesson of element.querySelectorAll('.opening, section.lesson')) reached.observe(lesson)
watch('value', take)
take()
setTimeout(arrive, 50)
