"""The toy task: twenty sentences. A module of its own, because importing conftest again would run it again."""

TOY = {
    "good": (
        "a warm and funny film",
        "the acting is superb throughout",
        "i loved every minute here",
        "what a charming little story",
        "the soup was hot and tasty",
        "friendly staff and quick service",
        "not bad at all , quite lovely",
        "the battery lasts for days",
        "a quiet room with fresh sheets",
        "she sings with real feeling",
    ),
    "bad": (
        "a cold and boring evening",
        "the plot makes no sense",
        "i hated the long ending",
        "what an awful waste of time",
        "the steak was dry and burnt",
        "rude waiters and slow kitchen",
        "not good , merely loud",
        "the screen broke within hours",
        "a noisy corridor with dirty towels",
        "he mumbles without any effort",
    ),
}
