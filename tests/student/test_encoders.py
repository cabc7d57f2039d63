"""Every student on the shelf, by what it means: padding, direction, shared sides, size."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from distill_core.registry import STUDENTS
from distill_core.student.network import Student, pad, predict_logits, take_rows
from distill_core.student.persistence import has_own_network


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


def test_padding_a_pair_changes_nothing(name):
    model = build(name, pair=True)
    first, second = [[5, 6, 7], [8, 9], [3], [11]], [[4, 4], [3, 4, 5, 6, 7, 8, 9, 10], [7], [2, 3, 4]]
    together = model([pad(first), pad(second)])
    alone = torch.cat([model([pad([one]), pad([other])]) for one, other in zip(first, second, strict=True)])
    assert torch.allclose(together, alone, atol=1e-6)
    wider = [
        (torch.cat([ids, torch.zeros(4, 5, dtype=ids.dtype)], 1), lengths) for ids, lengths in map(pad, (first, second))
    ]
    assert torch.allclose(model(wider), alone, atol=1e-6)
    assert torch.allclose(predict_logits(model, [pad(first), pad(second)], batch=2), alone, atol=1e-6)


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
    assert not torch.allclose(model([a, b]), model([b, a]), atol=1e-5)
    if model.together:
        first, second = model.encode_sides([a, b])
        turned = model.encode_sides([b, a])
        assert torch.allclose(first, turned[1], atol=1e-6) and torch.allclose(second, turned[0], atol=1e-6)
        return
    first, second = model.encode(*a), model.encode(*b)
    by_hand = model.head(torch.cat([first, second, first * second, (first - second).abs()], dim=1))
    assert torch.allclose(model([a, b]), by_hand)
    assert len(list(model.encoder.parameters())) == len(list(build(name).encoder.parameters()))


def test_a_sentence_knows_of_the_other_where_a_pair_is_read_together(name):
    model = build(name, pair=True)
    known, changed = (model.encode_sides([pad([[5, 6, 7]]), pad([other])])[0] for other in ([9, 8], [9, 7]))
    assert torch.equal(known, changed) != model.together
    assert model.together == hasattr(STUDENTS.get(name).Encoder, "Pair")


def test_a_word_is_aligned_by_the_cosines_of_vectors():
    """Parikh et al. 2016, equations 1 and 2, word by word, with cosines for products."""
    encoder = build("compare_aggregate", pair=True).encoder
    seen = []
    encoder.alignment.register_forward_hook(lambda module, inputs, output: seen.append(output))
    first, lengths = torch.randn(2, 4, 12), torch.tensor([4, 2])
    second, ends = torch.randn(2, 3, 12), torch.tensor([2, 3])
    encoder(first, lengths, second, ends)
    [(there, back)] = seen
    likeness = torch.nn.functional.cosine_similarity(first[:, :, None], second[:, None], dim=3)
    weights = (encoder.alignment.sharpness * likeness).exp()
    for row, (own, other) in enumerate([(4, 2), (2, 3)]):
        for place in range(own):
            expected = weights[row, place, :other] / weights[row, place, :other].sum()
            assert torch.allclose(there[row, place, :other], expected, atol=1e-6)
            assert there[row, place, other:].eq(0).all()
        for word in range(other):
            expected = weights[row, :own, word] / weights[row, :own, word].sum()
            assert torch.allclose(back[row, word, :own], expected, atol=1e-6)
            assert back[row, word, own:].eq(0).all()


def test_of_two_equal_sentences_each_word_meets_itself():
    encoder = build("compare_aggregate", pair=True).encoder
    words, length = torch.randn(1, 5, 12), torch.tensor([5])
    own = torch.ones(1, 5, dtype=torch.bool)
    there, back = encoder.alignment(words, words, own, own)
    assert there[0].argmax(1).tolist() == back[0].argmax(1).tolist() == [0, 1, 2, 3, 4]
    one, other = encoder(words, length, words, length)
    assert torch.allclose(one, other, atol=1e-6)


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
