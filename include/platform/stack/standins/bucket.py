"""Makes the bucket that `docker/store/init.sh` makes with MinIO's own client."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

_EXISTS = 409


def main(url: str) -> None:
    """Ask the store for the bucket at `url`, once more where it is there already."""
    request = urllib.request.Request(url, method="PUT")  # noqa: S310 - the compose file's store
    try:
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != _EXISTS:
            raise


if __name__ == "__main__":
    main(sys.argv[1])
