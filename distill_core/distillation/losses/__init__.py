"""What pulls the student. A part is a file with

`loss(student, teacher, labels, config) -> scalar`: student and teacher logits (batch, labels), labels (batch,) int64.
On rows without a label of their own, `labels` holds the teacher's argmax. `TEACHER = False` marks a loss that
never looks at the teacher's logits.
"""
