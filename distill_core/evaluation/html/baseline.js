// The simple baseline: TF-IDF over words and pairs of neighbouring words, then logistic regression.

// One of the characters in ranges [[first, last], …], as a class of a pattern.
const oneOf = (ranges) => {
  const code = (point) => `\\u{${point.toString(16)}}`
  return `[${ranges.map(([first, last]) => `${code(first)}-${code(last)}`).join('')}]`
}

// `terms` are those of each side, in the order of the tensors' rows; `classes` the places, among the labels, of those
// that training has shown; the others have the probability `least`. A sign is a term by itself.
function buildModel(tensors, { settings, characters, terms, classes, least }) {
  const [idf, coefficients, intercepts] = ['idf', 'coefficients', 'intercepts'].map((name) => tensors.get(name).data)
  const token = new RegExp(`${oneOf(characters.signs)}|${oneOf(characters.words)}+`, 'gu')
  let column = 0
  const columns = terms.map((own) => new Map(own.map((term) => [term, column++])))

  function addScores(scores, text, known) {
    const tokens = text.toLowerCase().match(token) ?? []
    const counts = new Map()
    const add = (term) => known.has(term) && counts.set(known.get(term), (counts.get(known.get(term)) ?? 0) + 1)
    tokens.forEach(add)
    tokens.slice(1).forEach((next, place) => add(`${tokens[place]} ${next}`))
    const values = Array.from(counts, ([place, times]) => [place, (1 + Math.log(times)) * idf[place]])
    const length = Math.sqrt(values.reduce((sum, [, value]) => sum + value * value, 0))
    for (const [place, value] of values) {
      scores.forEach((_, output) => {
        scores[output] += (value / length) * coefficients[place * scores.length + output]
      })
    }
  }

  const predict = (texts) => {
    const scores = Array.from(intercepts)
    texts.forEach((text, side) => addScores(scores, text, columns[side]))
    const shown = toAnswer(scores.length === 1 ? [0, ...scores] : scores, {}).probabilities
    const logits = settings.labels.map((_, label) => Math.log(Math.max(shown[classes.indexOf(label)] ?? 0, least)))
    return toAnswer(logits, settings)
  }
  return { settings, predict }
}
