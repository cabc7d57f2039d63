// The student's tokenizer: what its tokenizer.json says, as the Rust library `tokenizers` reads it, from a text to ids.
//
// An export refuses what is not here (student/html_tokenizer.py). `spec` is tokenizer.json, with patterns in
// JavaScript's own syntax; the model's larger parts are `arrays`. A step that asks what is an accent, a sign or a
// control has the library's own characters as `ranges`: a browser's Unicode is newer.

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
const pattern = (given) => new RegExp('String' in given ? escaped(given.String) : given.Regex, 'gu')
const perCharacter = (change) => (text) => Array.from(text, change).join('')
// Each character by itself: toLowerCase() of a whole word ends it with another sigma.
const lower = perCharacter((letter) => letter.toLowerCase())
const utf8 = new TextEncoder()
// One of the characters in ranges [[first, last], …].
const oneOf = (ranges) => {
  const code = (point) => `\\u{${point.toString(16)}}`
  return new RegExp(`[${ranges.map(([first, last]) => `${code(first)}-${code(last)}`).join('')}]`, 'gu')
}

// Byte-level vocabularies write each byte as a printable character.
const BYTES = (() => {
  let other = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCodePoint(printable ? byte : other++)
  })
})()
const byteLevel = (text) => Array.from(utf8.encode(text), (byte) => BYTES[byte]).join('')

function bertNormalize({ clean_text: clean, handle_chinese_chars: han, strip_accents: strip, lowercase, ranges }) {
  const [controls, accents] = [oneOf(ranges.controls), oneOf(ranges.accents)]
  return (text) => {
    if (clean) text = text.replace(controls, '').replace(/\p{White_Space}/gu, ' ')
    if (han) text = text.replace(HAN, ' $& ')
    if (strip ?? lowercase) text = text.normalize('NFD').replace(accents, '')
    return lowercase ? lower(text) : text
  }
}
const HAN = /[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}]/gu

// SentencePiece's own normalization: a double-array trie from byte sequences to their replacements, both in one blob.
// As in `tokenizers`, the first match of a cluster's beginning stands for all of it, if that has fewer than six bytes.
function precompiled({ precompiled_charsmap: base64 }) {
  const blob = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
  const size = new DataView(blob.buffer).getUint32(0, true)
  const units = new Uint32Array(blob.buffer.slice(4, 4 + size))
  const texts = blob.subarray(4 + size)
  const offset = (unit) => (unit >>> 10) << ((unit & 512) >>> 6)
  const replacement = (text) => {
    let node = offset(units[0])
    for (const byte of utf8.encode(text)) {
      if (byte === 0) return null
      node ^= byte
      const unit = units[node]
      if (((unit & 0x800000ff) >>> 0) !== byte) return null
      node ^= offset(unit)
      if ((unit >>> 8) & 1) {
        const start = units[node] & 0x7fffffff
        return new TextDecoder().decode(texts.subarray(start, texts.indexOf(0, start)))
      }
    }
    return null
  }
  const clusters = new Intl.Segmenter('und', { granularity: 'grapheme' })
  return (text) => {
    let out = ''
    for (const { segment } of clusters.segment(text)) {
      const whole = utf8.encode(segment).length < 6 ? replacement(segment) : null
      out += whole ?? perCharacter((letter) => replacement(letter) ?? letter)(segment)
    }
    return out
  }
}

// From a text to a text, by the name of a normalizer.
const normalizers = {
  BertNormalizer: bertNormalize,
  ByteLevel: () => byteLevel,
  Lowercase: () => lower,
  NFC: () => (text) => text.normalize('NFC'),
  NFD: () => (text) => text.normalize('NFD'),
  NFKC: () => (text) => text.normalize('NFKC'),
  NFKD: () => (text) => text.normalize('NFKD'),
  Precompiled: precompiled,
  Prepend: ({ prepend }) => (text) => (text ? prepend + text : text),
  Replace: ({ pattern: given, content }) => {
    const found = pattern(given)
    return (text) => text.replace(found, () => content)
  },
  Sequence: ({ normalizers: given }) => {
    const steps = given.map((one) => normalizers[one.type](one))
    return (text) => steps.reduce((value, step) => step(value), text)
  },
  Strip: ({ strip_left: left, strip_right: right }) => (text) => {
    if (left) text = text.replace(/^\p{White_Space}+/u, '')
    return right ? text.replace(/\p{White_Space}+$/u, '') : text
  },
  StripAccents: ({ ranges }) => {
    const marks = oneOf(ranges.marks)
    return (text) => text.replace(marks, '')
  },
}

// The parts of a text, each with its place and whether the pattern is what it holds.
function* matches(text, found) {
  let end = 0
  for (const { 0: match, index } of text.matchAll(found)) {
    if (index > end) yield [text.slice(end, index), false]
    yield [match, true]
    end = index + match.length
  }
  if (end < text.length) yield [text.slice(end), false]
}

// From a text to its parts, by what becomes of those that are a pattern's match (or, inverted, are none).
const behaviors = {
  Removed: (parts) => parts.filter(([, matched]) => !matched),
  Isolated: (parts) => parts,
  Contiguous: (parts) => joined(parts, (before, now) => before === now),
  MergedWithPrevious: (parts) => joined(parts, (before, now) => !before && now),
  MergedWithNext: (parts) => joined(parts, (before, now) => before && !now),
}

function joined(parts, together) {
  const out = []
  let before = null
  for (const [text, matched] of parts) {
    if (before !== null && together(before, matched)) out.at(-1)[0] += text
    else out.push([text, matched])
    before = matched
  }
  return out
}

function splitter(found, behavior, invert = false) {
  return (text) => {
    const parts = [...matches(text, found)].map(([part, matched]) => [part, matched !== invert])
    return behaviors[behavior](parts).map(([part]) => part)
  }
}

// Splits each part of a text further; `first` stays with the one that begins the text.
const overParts = (split) => (parts) =>
  parts.flatMap(({ text, first }) => {
    const found = split(text)
    return found.map((part, number) => ({ text: part, first: first && number === 0 && text.startsWith(part) }))
  })

const CONTRACTIONS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

// From parts [{text, first}] to parts, by the name of a pre-tokenizer.
const preTokenizers = {
  BertPreTokenizer: ({ ranges }) => {
    const words = splitter(/\p{White_Space}/gu, 'Removed')
    const signs = splitter(oneOf(ranges.signs), 'Isolated')
    return overParts((text) => words(text).flatMap(signs))
  },
  ByteLevel: ({ add_prefix_space: space, use_regex: cut }) => {
    const split = cut ? splitter(CONTRACTIONS, 'Isolated') : (text) => [text]
    return overParts((text) => split(space && !text.startsWith(' ') ? ` ${text}` : text).map(byteLevel))
  },
  Digits: ({ individual_digits: alone }) => overParts(splitter(/\p{N}/gu, alone ? 'Isolated' : 'Contiguous')),
  Metaspace: ({ replacement, prepend_scheme: scheme, split }) => {
    const cut = splitter(new RegExp(escaped(replacement), 'gu'), 'MergedWithNext')
    return (parts) =>
      parts.flatMap(({ text, first }) => {
        let marked = text.replaceAll(' ', replacement)
        const begins = scheme === 'always' || (scheme === 'first' && first)
        if (begins && !marked.startsWith(replacement)) marked = replacement + marked
        return (split ? cut(marked) : [marked]).map((part, number) => ({ text: part, first: first && number === 0 }))
      })
  },
  Punctuation: ({ behavior, ranges }) => overParts(splitter(oneOf(ranges.signs), behavior)),
  Sequence: ({ pretokenizers }) => {
    const steps = pretokenizers.map((one) => preTokenizers[one.type](one))
    return (parts) => steps.reduce((value, step) => step(value), parts)
  },
  Split: ({ pattern: given, behavior, invert }) => overParts(splitter(pattern(given), behavior, invert)),
  Whitespace: () => {
    const word = WORD.source.slice(1, -1)
    return overParts(splitter(new RegExp(`[${word}]+|[^${word}\\p{White_Space}]+`, 'gu'), 'Removed', true))
  },
  WhitespaceSplit: () => overParts(splitter(/\p{White_Space}/gu, 'Removed')),
}

// The ids of <0x00> to <0xFF> for the bytes of a text; null where the vocabulary lacks one.
function byteIds(text, ids) {
  const found = Array.from(utf8.encode(text), (byte) =>
    ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`))
  return found.includes(undefined) ? null : found
}

// From a word to ids, by the name of a model.
const models = {
  WordLevel: ({ unk_token: unknown }, ids) => (word) => {
    const id = ids.get(word) ?? ids.get(unknown)
    return id === undefined ? [] : [id]
  },

  // The longest piece that begins the word, and so on to its end; or the word is unknown.
  WordPiece: ({ unk_token: unknown, continuing_subword_prefix: prefix, max_input_chars_per_word: most }, ids) => (word) => {
    const letters = Array.from(word)
    const found = []
    if (letters.length > most) return [ids.get(unknown)]
    for (let start = 0; start < letters.length; ) {
      let end = letters.length
      let id
      while (end > start) {
        id = ids.get((start ? prefix : '') + letters.slice(start, end).join(''))
        if (id !== undefined) break
        end--
      }
      if (end === start) return [ids.get(unknown)]
      found.push(id)
      start = end
    }
    return found
  },

  // Neighbours are merged, the pair that stands first in the list of merges first, until none is in the list.
  BPE: (spec, ids, { merges }, pieces) => {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = spec
    const ranks = new Map()
    let product = 0
    for (let rank = 0; rank < merges.shape[0]; rank++) {
      product += merges.data[2 * rank]
      const left = pieces[product].slice(0, merges.data[2 * rank + 1])
      const right = (prefix ?? '') + pieces[product].slice(left.length)
      ranks.set(ids.get(left) * pieces.length + ids.get(right), [rank, product])
    }
    const single = (letter, first, last) => (first ? '' : prefix ?? '') + letter + (last ? suffix ?? '' : '')
    return (word) => {
      if (spec.ignore_merges && ids.has(word)) return [ids.get(word)]
      const letters = Array.from(word)
      const symbols = []
      let unknown = false // whether the last symbol is the unknown one
      letters.forEach((letter, place) => {
        const piece = single(letter, place === 0, place === letters.length - 1)
        const id = ids.get(piece)
        const bytes = id === undefined && spec.byte_fallback ? byteIds(piece, ids) : null
        if (id !== undefined) symbols.push(id)
        else if (bytes) symbols.push(...bytes)
        else if (spec.unk_token && !(unknown && spec.fuse_unk)) symbols.push(ids.get(spec.unk_token))
        unknown = id === undefined && !bytes && Boolean(spec.unk_token)
      })
      for (;;) {
        let best = [Infinity]
        let place = -1
        for (let one = 0; one + 1 < symbols.length; one++) {
          const merge = ranks.get(symbols[one] * pieces.length + symbols[one + 1])
          if (merge && merge[0] < best[0]) [best, place] = [merge, one]
        }
        if (place < 0) return symbols
        symbols.splice(place, 2, best[1])
      }
    }
  },

  // The pieces whose scores sum to the most (Viterbi); a character without a piece is unknown, and so are its
  // neighbours without one, together.
  Unigram: ({ unk_id: unknown, byte_fallback: fallback }, ids, { scores: { data: scores } }, pieces) => {
    const longest = pieces.reduce((most, piece) => Math.max(most, piece.length), 0)
    const unlikely = scores.reduce((least, score) => Math.min(least, score), Infinity) - 10
    return (text) => {
      const best = new Float64Array(text.length + 1).fill(-Infinity)
      const starts = new Int32Array(text.length + 1)
      const found = new Int32Array(text.length + 1)
      best[0] = 0
      for (let start = 0, size; start < text.length; start += size) {
        size = text.codePointAt(start) > 0xffff ? 2 : 1
        let whole = false
        const reach = (end, id, score) => {
          if (best[start] + score <= best[end]) return
          ;[best[end], starts[end], found[end]] = [best[start] + score, start, id]
        }
        for (let end = start + size; end <= Math.min(text.length, start + longest); end++) {
          const id = ids.get(text.slice(start, end))
          if (id === undefined) continue
          reach(end, id, scores[id])
          whole ||= end === start + size
        }
        if (!whole) reach(start + size, unknown, unlikely)
      }
      const parts = []
      for (let end = text.length, fused = false; end > 0; end = starts[end]) {
        const own = text.slice(starts[end], end)
        if (found[end] === unknown && fused) parts[0] = own + parts[0]
        else parts.unshift(own)
        fused = found[end] === unknown
      }
      return parts.flatMap((part) => ids.get(part) ?? (fallback ? byteIds(part, ids) : null) ?? unknown)
    }
  },
}

// Tokens that stand for themselves wherever the text holds them, the longest first: parts of the text without an id,
// and ids. Spaces beside one may belong to it.
function addedTokens(tokens, normalize) {
  const known = new Map(tokens.map((token) => [normalize(token.content), token]).filter(([content]) => content))
  const longest = [...known.keys()].sort((one, other) => other.length - one.length)
  const found = new RegExp(longest.map(escaped).join('|') || '(?!)', 'gu')
  return (text) => {
    const parts = []
    let end = 0
    for (const { 0: match, index } of text.matchAll(found)) {
      const token = known.get(match)
      const before = text.slice(0, index)
      const after = text.slice(index + match.length)
      if (token.single_word && (endsWithWord.test(before) || startsWithWord.test(after))) continue
      let start = index
      let stop = index + match.length
      if (token.lstrip) start = Math.max(end, before.replace(/\p{White_Space}+$/u, '').length)
      if (token.rstrip) stop += after.length - after.replace(/^\p{White_Space}+/u, '').length
      if (start > end) parts.push({ text: text.slice(end, start), first: end === 0 })
      parts.push({ id: token.id })
      end = stop
    }
    if (end < text.length) parts.push({ text: text.slice(end), first: end === 0 })
    return parts
  }
}
const endsWithWord = new RegExp(`${WORD.source}$`, 'u')
const startsWithWord = new RegExp(`^${WORD.source}`, 'u')

// A vocabulary that reads as student/runtime.py's: text in, numbers of rows out.
function buildVocabulary({ tokenizer, pieces, mask_token: mask, max_tokens: most, cut }, arrays) {
  const ids = new Map()
  pieces.forEach((piece, id) => piece !== null && ids.set(piece, id))
  const normalize = tokenizer.normalizer ? normalizers[tokenizer.normalizer.type](tokenizer.normalizer) : (text) => text
  const split = tokenizer.pre_tokenizer
    ? preTokenizers[tokenizer.pre_tokenizer.type](tokenizer.pre_tokenizer)
    : (parts) => parts
  const model = models[tokenizer.model.type](tokenizer.model, ids, arrays, pieces)
  const asWritten = addedTokens(tokenizer.added_tokens.filter((token) => !token.normalized), (text) => text)
  const asNormalized = addedTokens(tokenizer.added_tokens.filter((token) => token.normalized), normalize)
  const rows = arrays.rows.data
  const cache = new Map()
  const read = (word) => {
    if (word.length > 100) return model(word)
    if (cache.size > 50_000) cache.clear()
    if (!cache.has(word)) cache.set(word, model(word))
    return cache.get(word)
  }
  const tokens = (part) => {
    if ('id' in part) return [part.id]
    return asNormalized(normalize(part.text)).flatMap((own) => {
      if ('id' in own) return [own.id]
      return split([{ text: own.text, first: own.first && part.first }]).flatMap(({ text }) => read(text))
    })
  }
  return (text) => {
    const valid = text.replace(/\p{Cs}/gu, '?').replaceAll('[MASK]', mask)
    const found = asWritten(valid).flatMap(tokens).map((id) => rows[id] ?? 1)
    return found.length ? cutSequence(found, most, cut) : [1]
  }
}

// At most so many values: the first ones, or a quarter from the beginning and the rest from the end.
function cutSequence(values, most, cut) {
  const head = cut === 'head_tail' ? Math.ceil(most / 4) : most
  return values.length <= most ? values : [...values.slice(0, head), ...values.slice(values.length - most + head)]
}
