import mediasrv


def test_the_package_knows_its_version() -> None:
    assert mediasrv.__version__.count(".") == 2
