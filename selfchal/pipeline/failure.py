"""What a run notes of itself while it goes on: the stage that it is in, and the error that it died of.

Whoever looks at the run reads both from the store; the run itself never does.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Iterator

from selfchal.core.errors import StoreError
from selfchal.pipeline.store import Store

STAGE, FAILURE = "stage", "failure"  # the facts
_LONGEST = 20_000  # characters of an error or a traceback


@contextlib.contextmanager
def noting_failure(store: Store) -> Iterator[None]:
    """Store the error that ends what is done within, and where it stopped; then it goes on its way.

    An attempt that begins clears what an earlier one noted.
    """
    if store.fact(FAILURE) is not None:
        store.put_fact(FAILURE, None)
    try:
        yield
    except Exception as error:
        with contextlib.suppress(StoreError):  # of two errors the first one is told
            store.put_fact(
                FAILURE,
                {
                    "error": f"{type(error).__name__}: {error}"[:_LONGEST],
                    "stage": store.fact(STAGE),
                    "time": round(time.time(), 1),
                    "traceback": traceback.format_exc()[-_LONGEST:],
                },
            )
        raise
