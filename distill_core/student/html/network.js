// The student's network: the nodes of its ONNX graph, one after the other, for one text (or one pair) at a time.
//
// An array is {shape, data}, whatever ONNX calls its type: numbers of 32 bits hold every id and every length exactly.
// Knows nothing of texts. That each operator here is what ONNX means by it, a test of every student asks in a browser.

const empty = (shape) => array(shape, new Float32Array(count(shape)))

// How far apart in its data the neighbours along each axis stand.
function strides(shape) {
  const steps = new Array(shape.length)
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--]) steps[axis] = step
  return steps
}

// Calls visit(place in the output, places in the inputs) for each place of the shape, in order.
function walk(shape, steps, visit) {
  const at = new Array(shape.length).fill(0)
  const places = new Array(steps.length).fill(0)
  for (let place = 0, last = count(shape); place < last; place++) {
    visit(place, places)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const back = ++at[axis] === shape[axis]
      steps.forEach((step, input) => (places[input] += step[axis] * (back ? 1 - shape[axis] : 1)))
      if (!back) break
      at[axis] = 0
    }
  }
}

// The values of arrays of any shapes that fit together, one by one.
function elementwise(compute) {
  return (inputs) => {
    const rank = Math.max(...inputs.map((one) => one.shape.length))
    const shapes = inputs.map((one) => [...new Array(rank - one.shape.length).fill(1), ...one.shape])
    const shape = shapes[0].map((_, axis) => Math.max(...shapes.map((own) => own[axis])))
    const steps = shapes.map((own) => strides(own).map((step, axis) => (own[axis] === 1 ? 0 : step)))
    const out = empty(shape)
    const [first, second, third] = inputs.map((one) => one.data)
    walk(shape, steps, (place, [a, b, c]) => {
      out.data[place] = compute(first[a], second && second[b], third && third[c])
    })
    return out
  }
}

const each = (compute) => ([one]) => array(one.shape, one.data.map(compute))

// Folds the values along one axis.
function reduce(fold, start, end = (value) => value) {
  return ([values, axes], { keepdims = 1 }) => {
    const { shape } = values
    const axis = (axes.data[0] + shape.length) % shape.length
    const inner = count(shape.slice(axis + 1))
    const kept = shape.map((size, one) => (one === axis ? 1 : size))
    const out = empty(keepdims ? kept : kept.filter((_, one) => one !== axis))
    for (let place = 0; place < out.data.length; place++) {
      const from = Math.floor(place / inner) * inner * shape[axis] + (place % inner)
      let value = start
      for (let step = 0; step < shape[axis]; step++) value = fold(value, values.data[from + step * inner])
      out.data[place] = end(value)
    }
    return out
  }
}

// out[column] += row @ matrix (rows, columns) of a matrix that begins at a place of its data.
function addProduct(out, at, columns, row, from, rows, matrix, start) {
  for (let inner = 0; inner < rows; inner++) {
    const value = row[from + inner]
    if (value === 0) continue
    const place = start + inner * columns
    for (let column = 0; column < columns; column++) out[at + column] += value * matrix[place + column]
  }
}

function matmul([left, right]) {
  const [rows, inner] = left.shape.slice(-2)
  const columns = right.shape.at(-1)
  const out = empty([...left.shape.slice(0, -1), columns])
  for (let row = 0; row < count(left.shape.slice(0, -1)); row++) {
    const start = right.shape.length === 2 ? 0 : Math.floor(row / rows) * inner * columns
    addProduct(out.data, row * columns, columns, left.data, row * inner, inner, right.data, start)
  }
  return out
}

const sigmoid = (value) => 1 / (1 + Math.exp(-value))
const dot = (matrix, start, vector, from, size) => {
  let sum = 0
  for (let one = 0; one < size; one++) sum += matrix[start + one] * vector[from + one]
  return sum
}

// The next state of an LSTM or GRU, written into `state`; ONNX orders an LSTM's gates input, output, forget, cell and a
// GRU's update, reset, hidden. `given` and `past` are the products of the weights with input and state, biases included.
const readers = {
  LSTM(given, past, state, cell, size) {
    for (let unit = 0; unit < size; unit++) {
      const gate = (number) => given[number * size + unit] + past[number * size + unit]
      cell[unit] = sigmoid(gate(2)) * cell[unit] + sigmoid(gate(0)) * Math.tanh(gate(3))
      state[unit] = sigmoid(gate(1)) * Math.tanh(cell[unit])
    }
  },
  GRU(given, past, state, cell, size) {
    for (let unit = 0; unit < size; unit++) {
      const gate = (number) => sigmoid(given[number * size + unit] + past[number * size + unit])
      const hidden = Math.tanh(given[2 * size + unit] + gate(1) * past[2 * size + unit])
      state[unit] = (1 - gate(0)) * hidden + gate(0) * state[unit]
    }
  },
}

// Vectors (length, 1, inputs) read forward and backward: states (length, 2, 1, size) and last states (2, 1, size).
function recurrent(kind) {
  return ([vectors, weights, recurrences, biases], { hidden_size: size }) => {
    const [length, , inputs] = vectors.shape
    const gates = weights.shape[1]
    const states = empty([length, 2, 1, size])
    const ends = empty([2, 1, size])
    const given = new Float32Array(gates)
    const past = new Float32Array(gates)
    for (const way of [0, 1]) {
      const state = new Float32Array(size)
      const cell = new Float32Array(size)
      for (let step = 0; step < length; step++) {
        const place = way ? length - 1 - step : step
        for (let gate = 0; gate < gates; gate++) {
          const row = way * gates + gate
          given[gate] = biases.data[2 * way * gates + gate]
            + dot(weights.data, row * inputs, vectors.data, place * inputs, inputs)
          past[gate] = biases.data[(2 * way + 1) * gates + gate] + dot(recurrences.data, row * size, state, 0, size)
        }
        readers[kind](given, past, state, cell, size)
        states.data.set(state, (place * 2 + way) * size)
      }
      ends.data.set(state, way * size)
    }
    return [states, ends]
  }
}

function convolve([words, filters, biases], { pads }) {
  const [, channels, length] = words.shape
  const [outputs, , width] = filters.shape
  const answers = length + pads[0] + pads[1] - width + 1
  const out = empty([1, outputs, answers])
  for (let filter = 0; filter < outputs; filter++) {
    for (let place = 0; place < answers; place++) {
      let sum = biases.data[filter]
      for (let channel = 0; channel < channels; channel++) {
        for (let step = 0; step < width; step++) {
          const at = place + step - pads[0]
          if (at >= 0 && at < length) {
            sum += filters.data[(filter * channels + channel) * width + step] * words.data[channel * length + at]
          }
        }
      }
      out.data[filter * answers + place] = sum
    }
  }
  return out
}

function concatenate(inputs, { axis }) {
  const { shape } = inputs[0]
  const at = (axis + shape.length) % shape.length
  const sizes = inputs.map((one) => count(one.shape.slice(at)))
  const out = empty(shape.map((size, one) => (one === at ? inputs.reduce((sum, { shape: own }) => sum + own[at], 0) : size)))
  for (let row = 0, place = 0; row < count(shape.slice(0, at)); row++) {
    inputs.forEach((one, input) => {
      out.data.set(one.data.subarray(row * sizes[input], (row + 1) * sizes[input]), place)
      place += sizes[input]
    })
  }
  return out
}

function transpose([values], { perm }) {
  const steps = strides(values.shape)
  const out = empty(perm.map((axis) => values.shape[axis]))
  walk(out.shape, [perm.map((axis) => steps[axis])], (place, [from]) => (out.data[place] = values.data[from]))
  return out
}

function softmax([values], { axis = -1 }) {
  const axes = array([1], [axis])
  const highest = reduce(Math.max, -Infinity)([values, axes], {})
  const shares = elementwise((value, most) => Math.exp(value - most))([values, highest])
  return elementwise((share, total) => share / total)([shares, reduce((a, b) => a + b, 0)([shares, axes], {})])
}

function normalizeLayer([values, weights, biases], { epsilon }) {
  const width = values.shape.at(-1)
  const out = empty(values.shape)
  for (let start = 0; start < values.data.length; start += width) {
    const own = values.data.subarray(start, start + width)
    const mean = own.reduce((sum, value) => sum + value, 0) / width
    const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width + epsilon)
    own.forEach((value, one) => {
      out.data[start + one] = ((value - mean) / deviation) * weights.data[one] + biases.data[one]
    })
  }
  return out
}

const operators = {
  Abs: each(Math.abs),
  Add: elementwise((a, b) => a + b),
  Cast: each((value) => value), // of whole numbers alone: the export sees to that
  Concat: concatenate,
  Conv: convolve,
  Cos: each(Math.cos),
  Div: elementwise((a, b) => a / b),
  GRU: recurrent('GRU'),
  Gather: ([table, ids]) => {
    const width = count(table.shape.slice(1))
    const out = empty([...ids.shape, ...table.shape.slice(1)])
    ids.data.forEach((id, place) => out.data.set(table.data.subarray(id * width, (id + 1) * width), place * width))
    return out
  },
  Identity: ([value]) => value,
  LSTM: recurrent('LSTM'),
  LayerNormalization: normalizeLayer,
  Less: elementwise((a, b) => Number(a < b)),
  MatMul: matmul,
  Max: elementwise((a, b) => Math.max(a, b)),
  Mul: elementwise((a, b) => a * b),
  Range: ([start, end, step]) => {
    const size = Math.ceil((end.data[0] - start.data[0]) / step.data[0])
    return array([size], Float32Array.from({ length: size }, (_, place) => start.data[0] + place * step.data[0]))
  },
  ReduceL2: reduce((sum, value) => sum + value * value, 0, Math.sqrt),
  ReduceMax: reduce(Math.max, -Infinity),
  ReduceSum: reduce((sum, value) => sum + value, 0),
  Relu: each((value) => Math.max(value, 0)),
  Reshape: ([values, sizes]) => array([...sizes.data].map((size, axis) => size || values.shape[axis]), values.data),
  Shape: ([values], { start, end }) => {
    const sizes = values.shape.slice(start, end)
    return array([sizes.length], Float32Array.from(sizes))
  },
  Sin: each(Math.sin),
  Softmax: softmax,
  Squeeze: ([values, axes]) => array(values.shape.filter((_, axis) => !axes.data.includes(axis)), values.data),
  Sub: elementwise((a, b) => a - b),
  Tanh: each(Math.tanh),
  Transpose: transpose,
  Unsqueeze: ([values, axes]) => {
    const shape = [...values.shape]
    for (const axis of axes.data) shape.splice(axis, 0, 1)
    return array(shape, values.data)
  },
  Where: elementwise((chosen, a, b) => (chosen ? a : b)),
}

// A network of these nodes and constants: rows of one text's (or two texts') ids in, logits out.
function buildNetwork(nodes, constants) {
  return (sides) => {
    const values = new Map(constants)
    sides.forEach((ids, side) => {
      const end = side ? `_${side + 1}` : ''
      values.set(`ids${end}`, array([1, ids.length], Float32Array.from(ids)))
      values.set(`lengths${end}`, array([1], Float32Array.of(ids.length)))
    })
    for (const { operator, inputs, outputs, attributes } of nodes) {
      const found = operators[operator](inputs.map((name) => values.get(name)), attributes)
      outputs.forEach((name, number) => values.set(name, Array.isArray(found) ? found[number] : found))
    }
    return values.get('logits').data
  }
}
