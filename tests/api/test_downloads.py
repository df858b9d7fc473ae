"""Turns of downloads: so much of what they read is in memory, however many are open."""

import asyncio
from contextlib import AsyncExitStack

from api.downloads import AT_ONCE, OF_A_USER, Downloads


def test_a_user_waits_for_the_own_turns_and_nobody_for_more_than_all() -> None:
    async def scenario() -> tuple[int, int, int]:
        downloads, inside = Downloads(), [0]

        async def read(user: int, stack: AsyncExitStack) -> None:
            await stack.enter_async_context(downloads.place(user))
            inside[0] += 1

        async with AsyncExitStack() as stack:
            tasks = [asyncio.create_task(read(1, stack)) for _ in range(2 * OF_A_USER)]
            await asyncio.wait(tasks, timeout=0.05)
            alone = inside[0]
            others = [asyncio.create_task(read(user, stack)) for user in range(2, 2 + AT_ONCE)]
            await asyncio.wait(others, timeout=0.05)
            together = inside[0]
        await asyncio.gather(*tasks, *others)
        await stack.aclose()
        return alone, together, inside[0]

    assert asyncio.run(scenario()) == (OF_A_USER, AT_ONCE, 2 * OF_A_USER + AT_ONCE)
