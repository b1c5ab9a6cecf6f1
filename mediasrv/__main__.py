"""`python -m mediasrv` and the `mediasrv` command."""

from mediasrv.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
