// The arithmetic of the lessons: what distill_core computes, once more in the browser. tests/ui/test_learn.py holds
// the two against each other.
const sum = (values) => values.reduce((all, value) => all + value, 0)

const formulas = {
  softmax(logits, temperature = 1) {
    const top = Math.max(...logits)
    const powers = logits.map((logit) => Math.exp((logit - top) / temperature)), all = sum(powers)
    return powers.map((power) => power / all)
  },

  // in bits: 0 where all is certain, log2 of the number of labels where nothing is
  entropy: (shares) => -sum(shares.map((share) => (share > 0 ? share * Math.log2(share) : 0))),

  // losses/ce.py of one row
  ce(student, truth) {
    const top = Math.max(...student)
    return Math.log(sum(student.map((logit) => Math.exp(logit - top)))) + top - student[truth]
  },

  // losses/logit_mse.py of one row
  mse: (student, teacher) => sum(student.map((logit, label) => (logit - teacher[label]) ** 2)) / student.length,

  // the soft part of losses/soft_kl.py of one row: KL(teacher || student) at the temperature, times its square
  kl(student, teacher, temperature) {
    const soft = formulas.softmax(teacher, temperature), probabilities = formulas.softmax(student, temperature)
    return temperature ** 2 * sum(soft.map((share, label) => (share > 0 ? share * Math.log(share / probabilities[label]) : 0)))
  },

  // losses/alpha_mix.py (distance "mse") and losses/soft_kl.py (distance "kl") of one row
  mix(student, teacher, truth, { alpha, temperature, distance }) {
    const soft = distance === 'kl' ? formulas.kl(student, teacher, temperature) : formulas.mse(student, teacher)
    return alpha * formulas.ce(student, truth) + (1 - alpha) * soft
  },

  // how that loss changes with each of the student's logits
  gradient(student, teacher, truth, { alpha, temperature, distance }) {
    const probabilities = formulas.softmax(student)
    const warm = formulas.softmax(student, temperature), soft = formulas.softmax(teacher, temperature)
    return student.map((logit, label) => {
      const hard = probabilities[label] - (label === truth ? 1 : 0)
      const pull = distance === 'kl' ? temperature * (warm[label] - soft[label])
        : (2 * (logit - teacher[label])) / student.length
      return alpha * hard + (1 - alpha) * pull
    })
  },

  // Wilson's 95 % interval of an accuracy on so many rows
  wilson(share, rows, z = 1.96) {
    const middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    const reach = (z / (1 + z * z / rows)) * Math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return [middle - reach, middle + reach]
  },

  // 95 % interval of the difference of two accuracies on the same rows; `one` is the share of rows on which exactly
  // one of the two models is right
  paired(first, second, one, rows, z = 1.96) {
    const difference = first - second
    const reach = z * Math.sqrt(Math.max(0, one - difference ** 2) / rows)
    return [difference - reach, difference + reach]
  },
}
