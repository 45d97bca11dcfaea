"""Errors in Stripe's own shape (https://docs.stripe.com/api/errors)."""

from portal.sandbox.store import Json


class StripeError(Exception):
    """An answer that is no success: HTTP status and the `error` object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # the wire's own name for it
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = {
            "type": type,
            "code": code,
            "param": param,
            "decline_code": decline_code,
        }

    @property
    def body(self) -> Json:
        filled = {name: value for name, value in self.fields.items() if value is not None}
        return {"error": {"message": self.message} | filled}


class ParameterRefused(StripeError):
    """A parameter failed validation: nothing ran, so no idempotency key remembers it."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(400, message, code=code, param=param)


def parameter_missing(param: str) -> ParameterRefused:
    return ParameterRefused(
        f"Missing required param: {param}.", code="parameter_missing", param=param
    )


def parameter_unknown(param: str) -> ParameterRefused:
    return ParameterRefused(
        f"Received unknown parameter: {param}", code="parameter_unknown", param=param
    )


def parameter_invalid(message: str, param: str) -> ParameterRefused:
    return ParameterRefused(message, param=param)


def resource_missing(kind: str, object_id: str, param: str = "id") -> StripeError:
    noun = kind.replace(".", " ").replace("_", " ")
    return StripeError(404, f"No such {noun}: '{object_id}'", code="resource_missing", param=param)
