"""Where the Kubeflow Pipelines API answers, and by reference what it is told to let us in."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from cladeflow.errors import CladeflowError
from cladeflow.records import Value

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^@\s]+$")]
"""Without credentials in it: they come from a file or an environment variable."""


class Endpoint(Value):
    """The ``kfp`` section of a profile. It names where a token is, and never holds one."""

    endpoint: Url
    """Such as ``https://kubeflow.example.org/pipeline``; what ``/apis/v2beta1`` is put after."""
    namespace: str = ""
    """Of a multi-user installation; empty otherwise."""
    experiment: str = "cladeflow"
    """The KFP experiment that runs and schedules belong to."""
    token_env: str | None = None
    """Environment variable that holds a bearer token."""
    token_file: Path | None = None
    """File that holds a bearer token, such as a projected service account's."""
    ca_file: Path | None = None
    """Certificates to trust instead of the usual ones."""
    service_account: str = ""
    """Kubernetes account of the pods; empty: the installation's default."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds until a request counts as lost."""

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token_env and self.token_file:
            raise ValueError("token_env or token_file, not both")
        return self

    def token(self) -> str | None:
        """The token, read anew: files of projected tokens change. None where none is named."""
        if self.token_env:
            value = os.environ.get(self.token_env, "").strip()
            if not value:
                raise CladeflowError(
                    f"kfp.token_env: environment variable {self.token_env} is not set; put the "
                    "token in it, or name another one in the profile"
                )
            return value
        return self._from_file() if self.token_file else None

    def _from_file(self) -> str:
        assert self.token_file is not None
        try:
            value = self.token_file.expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CladeflowError(
                f"kfp.token_file: {self.token_file} cannot be read ({error})"
            ) from error
        if not value:
            raise CladeflowError(f"kfp.token_file: {self.token_file} is empty")
        return value
