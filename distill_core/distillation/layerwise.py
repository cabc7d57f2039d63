"""Distances between the layers of a student and those of its teacher, token by token; padding counts nowhere.

Of use to losses. Both read the same tokens, which a student cut from its teacher does.
"""

from torch import Tensor
from torch.nn.functional import cosine_similarity

from distill_core.outputs import ModelOutput


def map_layers(depth: int, teacher_depth: int) -> list[int]:
    """For each of a student's `depth` layers the number, from 1, of the teacher's layer that it learns from: in even
    steps, so that the last learns from the last (the uniform map of Jiao et al. 2020, section 4.3)."""
    return [max(1, round(number * teacher_depth / depth)) for number in range(1, depth + 1)]


def squared_distance(student: Tensor, teacher: Tensor, lengths: Tensor) -> Tensor:
    """Mean squared distance of states (batch, length, units), or of attention scores (batch, heads, length, length)."""
    own = _own_tokens(lengths, student.shape[-2])
    both = own[:, :, None] & own[:, None]  # the token that looks, and the one that is looked at
    counted = both.unsqueeze(1) if student.dim() == 4 else own.unsqueeze(2)
    distance = (student - teacher).square() * counted
    return distance.sum() / counted.expand_as(distance).sum()


def cosine_distance(student: Tensor, teacher: Tensor, lengths: Tensor) -> Tensor:
    """Mean of 1 less the cosine between two states of a token, (batch, length, units) each."""
    own = _own_tokens(lengths, student.shape[1])
    return ((1 - cosine_similarity(student, teacher, dim=2)) * own).sum() / own.sum()


def layer_distance(student: ModelOutput, teacher: ModelOutput) -> Tensor:
    """Squared distances of embeddings, of hidden states and of attention scores, added up over the student's layers,
    each beside the teacher's layer that `map_layers` gives (Jiao et al. 2020, equations 7 to 9)."""
    lengths, pairs = student.lengths, [(student.hidden_states[0], teacher.hidden_states[0])]
    assert isinstance(lengths, Tensor)
    for place, number in enumerate(map_layers(len(student.attention_scores), len(teacher.attention_scores)), 1):
        pairs.append((student.hidden_states[place], teacher.hidden_states[number]))
        pairs.append((student.attention_scores[place - 1], teacher.attention_scores[number - 1]))
    distances = [squared_distance(mine, theirs, lengths) for mine, theirs in pairs]
    total: Tensor = sum(distances[1:], distances[0])
    return total


def _own_tokens(lengths: Tensor, longest: int) -> Tensor:
    """Which tokens (batch, longest) are no padding."""
    return lengths.new_ones(len(lengths), longest).cumsum(1) <= lengths[:, None]
