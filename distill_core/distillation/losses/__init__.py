"""Losses of the student. A component is a file with

`loss(student, teacher, targets, config, objective) -> scalar`: the ModelOutput of student and teacher for a batch, and
the batch's hard targets; on texts without a label of their own these are the teacher's answers.
`NEEDS` names the teacher's outputs that it compares, ("logits",) where it is missing: logits come from the cache,
"hidden_states" and "attentions" from the teacher, who is then asked in every step. `TEACHER = False` marks a loss that
never looks at the teacher.
"""
