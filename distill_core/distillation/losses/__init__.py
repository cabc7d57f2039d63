"""Losses of the student. A component is a file with

`loss(student, teacher, targets, config, objective) -> scalar`: the ModelOutput of student and teacher for a batch, and
the batch's hard targets; on texts without a label of their own these are the teacher's answers.
`NEEDS` names the teacher's outputs that it compares, ("logits",) where it is missing: logits come from the cache,
"hidden_states" and "attention_scores" from the teacher, who is then asked in every step; "masked_head" is the head with
which the teacher's base guesses masked pieces, if it has one. `LAYERWISE = True` marks a
loss that compares layers token by token, for which only a student with LAYERS will do; `TEACHER = False` one that never
looks at the teacher.
"""
