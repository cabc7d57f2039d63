// The arrays that a page has within it: {shape, data}, whatever their type is called in the file.

const array = (shape, data) => ({ shape, data })
const count = (shape) => shape.reduce((product, size) => product * size, 1)

// A number of 16 bits: sign, 5 bits of exponent, 10 of fraction.
function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024))
}

// The arrays of a file in the format safetensors, and the strings of its header. A table of whole numbers of 8 bits has
// a scale for each row beside it.
function readTensors(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)))
  const kinds = { F16: Uint16Array, F32: Float32Array, F64: Float64Array, I8: Int8Array, I32: Int32Array }
  const { __metadata__: strings, ...entries } = header
  const tensors = new Map()
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(entries)) {
    const data = new kinds[dtype](buffer.slice(8 + size + start, 8 + size + end))
    tensors.set(name, array(shape, dtype === 'F16' ? Float32Array.from(data, float16) : data))
  }
  for (const [name, table] of tensors) {
    const scales = tensors.get(`${name}.scale`)
    if (!scales) continue
    const width = count(table.shape.slice(1))
    table.data = Float32Array.from(table.data, (value, place) => value * scales.data[Math.floor(place / width)])
  }
  return { tensors, strings }
}
