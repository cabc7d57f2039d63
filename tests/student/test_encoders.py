"""Every student on the shelf, by what it means: padding, direction, shared sides, size."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from distill_core.registry import STUDENTS
from distill_core.student.persistence import has_own_network
from distill_core.student.runtime import Student, pad, predict_logits, take_rows


def build(name="bilstm", entries=50, width=12, labels=3, pair=False, hidden=8, fc=6, **more):
    torch.manual_seed(0)
    vectors = torch.randn(entries, width)
    vectors[0] = 0
    return Student(vectors, STUDENTS.get(name).Encoder, labels, pair, hidden, fc, **more).eval()


@pytest.fixture(params=[name for name in STUDENTS.names if not has_own_network(name)])
def name(request):
    return request.param


def test_padding_changes_nothing(name):
    model = build(name)
    rows = [[5, 6, 7], [8, 9], [3, 4, 5, 6, 7, 8, 9, 10], [11]]
    together = model([pad(rows)])
    alone = torch.cat([model([pad([row])]) for row in rows])
    assert torch.allclose(together, alone, atol=1e-6)
    ids, lengths = pad(rows)
    wider = torch.cat([ids, torch.zeros(4, 5, dtype=ids.dtype)], dim=1)
    assert torch.allclose(model([(wider, lengths)]), alone, atol=1e-6)


def test_word_order_matters(name):
    model = build(name)
    there, back = model([pad([[5, 6, 7, 8]])]), model([pad([[8, 7, 6, 5]])])
    assert torch.allclose(there, back, atol=1e-5) != STUDENTS.constant(name, "ORDER", True)


def test_logits_keep_the_order_of_the_rows(name):
    model = build(name)
    rows = [[i + 2] * (1 + (7 * i) % 13) for i in range(40)]
    expected = torch.cat([model([pad([row])]) for row in rows])
    assert torch.allclose(predict_logits(model, [pad(rows)], batch=7), expected, atol=1e-6)


def test_a_pairs_sides_share_their_weights(name):
    model = build(name, pair=True)
    a, b = pad([[5, 6, 7]]), pad([[9, 8]])
    first, second = model.encode(*a), model.encode(*b)
    by_hand = model.head(torch.cat([first, second, first * second, (first - second).abs()], dim=1))
    assert torch.allclose(model([a, b]), by_hand)
    assert not torch.allclose(model([a, b]), model([b, a]), atol=1e-5)
    assert len(list(model.encoder.parameters())) == len(list(build(name).encoder.parameters()))


def test_reversing_the_input_swaps_the_halves():
    encoder, mirror = build("bilstm").encoder, build("bilstm").encoder
    mirror.ahead.load_state_dict(encoder.back.state_dict())
    mirror.back.load_state_dict(encoder.ahead.state_dict())
    vectors, lengths = torch.randn(2, 7, 12), torch.tensor([7, 7])
    forward, backward = encoder(vectors, lengths).chunk(2, dim=1)
    assert torch.allclose(mirror(vectors.flip(1), lengths), torch.cat([backward, forward], dim=1), atol=1e-6)
    assert not torch.allclose(forward, backward, atol=1e-3)


def test_the_bilstm_is_torchs_own():
    """Against the trusted bidirectional LSTM over packed sentences, with the same weights."""
    encoder = build("bilstm").encoder
    trusted = torch.nn.LSTM(12, 8, batch_first=True, bidirectional=True)
    trusted.load_state_dict(
        encoder.ahead.state_dict() | {f"{name}_reverse": value for name, value in encoder.back.state_dict().items()}
    )
    vectors, lengths = torch.randn(4, 9, 12), torch.tensor([3, 9, 1, 6])
    packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    _, (last, _) = trusted(packed)
    assert torch.allclose(encoder(vectors, lengths), torch.cat([last[0], last[1]], dim=1), atol=1e-6)


def test_channels_learn_or_do_not():
    for channels, learning in (("trained", ["trained"]), ("frozen", []), ("both", ["trained"])):
        model = build(channels=channels)
        assert [kind for kind, table in model.tables.items() if table.weight.requires_grad] == learning
    both = build(channels="both").tables
    assert torch.equal(both["frozen"].weight, both["trained"].weight)
    assert both["frozen"].weight.data_ptr() != both["trained"].weight.data_ptr()


def test_sparse_and_dense_tables_have_the_same_gradient():
    rows = pad([[5, 6, 5], [7, 8, 9]])
    grads = []
    for sparse in (False, True):
        model = build(sparse=sparse)
        model([rows]).square().sum().backward()
        grads.append(model.tables["trained"].weight.grad.to_dense())
    assert torch.allclose(*grads)
    assert grads[0].abs().sum() > 0


def test_take_cuts_to_the_longest_chosen():
    ids, lengths = pad([[1, 2, 3, 4], [5], [6, 7]])
    [(chosen, kept)] = take_rows([(ids, lengths)], torch.tensor([2, 1]))
    assert chosen.tolist() == [[6, 7], [5, 0]] and kept.tolist() == [2, 1]
