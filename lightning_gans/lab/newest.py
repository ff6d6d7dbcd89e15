"""Work that a moving slider asks for more often than it can be done."""

from collections.abc import Awaitable, Callable


def newest(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """The same work, never twice at once: what is asked for meanwhile is done once more at the end."""
    asked = busy = False

    async def renew() -> None:
        nonlocal asked, busy
        asked = True
        if busy:
            return
        busy = True
        try:
            while asked:
                asked = False
                await work()
        finally:
            busy = False

    return renew
