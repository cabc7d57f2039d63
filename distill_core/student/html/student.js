// The student: its tokenizer and its network, and how rare the pieces of a text are among its own.

function buildModel(tensors, { settings, vocabulary, nodes }) {
  const arrays = Object.fromEntries(['rows', 'scores', 'merges'].map((name) => [name, tensors.get(name)]))
  const ids = buildVocabulary(vocabulary, arrays)
  const network = buildNetwork(nodes, tensors)
  const predict = (texts) => {
    const sides = texts.map(ids)
    return toAnswer(network(sides), settings, isUnfamiliar(settings.familiarity, sides.flat()))
  }
  return { settings, ids, predict }
}

// Whether the pieces are rarer among the student's own texts than those of 99 of 100 of its rows.
function isUnfamiliar(known, ids) {
  if (!known) return false
  known.table ??= Uint8Array.from(atob(known.surprisals), (letter) => letter.charCodeAt(0))
  const sum = ids.reduce((all, id) => all + known.table[Math.min(id, known.table.length - 1)], 0)
  return (sum - ids.length * known.mean) / (known.deviation * Math.sqrt(ids.length)) > known.threshold
}
