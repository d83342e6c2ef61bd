from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromJoiner(_message.Message):
    __slots__ = ("knock", "proof")
    KNOCK_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    knock: Knock
    proof: JoinProof
    def __init__(self, knock: _Optional[_Union[Knock, _Mapping]] = ..., proof: _Optional[_Union[JoinProof, _Mapping]] = ...) -> None: ...

class FromCentre(_message.Message):
    __slots__ = ("card", "receipt", "denied")
    CARD_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    card: CentreCard
    receipt: JoinReceipt
    denied: Denied
    def __init__(self, card: _Optional[_Union[CentreCard, _Mapping]] = ..., receipt: _Optional[_Union[JoinReceipt, _Mapping]] = ..., denied: _Optional[_Union[Denied, _Mapping]] = ...) -> None: ...

class Knock(_message.Message):
    __slots__ = ("invitation", "nonce", "site", "name", "identity")
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    invitation: str
    nonce: bytes
    site: str
    name: str
    identity: bytes
    def __init__(self, invitation: _Optional[str] = ..., nonce: _Optional[bytes] = ..., site: _Optional[str] = ..., name: _Optional[str] = ..., identity: _Optional[bytes] = ...) -> None: ...

class CentreCard(_message.Message):
    __slots__ = ("federation", "nonce", "code")
    FEDERATION_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    federation: bytes
    nonce: bytes
    code: bytes
    def __init__(self, federation: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., code: _Optional[bytes] = ...) -> None: ...

class JoinProof(_message.Message):
    __slots__ = ("code", "signature")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    code: bytes
    signature: bytes
    def __init__(self, code: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class JoinReceipt(_message.Message):
    __slots__ = ("signature", "rosters")
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ROSTERS_FIELD_NUMBER: _ClassVar[int]
    signature: bytes
    rosters: _containers.RepeatedCompositeFieldContainer[SignedRoster]
    def __init__(self, signature: _Optional[bytes] = ..., rosters: _Optional[_Iterable[_Union[SignedRoster, _Mapping]]] = ...) -> None: ...

class FromSite(_message.Message):
    __slots__ = ("hello", "proof", "chunk", "pong", "leaving", "heads")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    proof: LoginProof
    chunk: Chunk
    pong: Pong
    leaving: Leaving
    heads: Heads
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., proof: _Optional[_Union[LoginProof, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., leaving: _Optional[_Union[Leaving, _Mapping]] = ..., heads: _Optional[_Union[Heads, _Mapping]] = ...) -> None: ...

class FromOffice(_message.Message):
    __slots__ = ("challenge", "welcome", "chunk", "ping", "denied", "notice")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    challenge: Challenge
    welcome: Welcome
    chunk: Chunk
    ping: Ping
    denied: Denied
    notice: Notice
    def __init__(self, challenge: _Optional[_Union[Challenge, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., denied: _Optional[_Union[Denied, _Mapping]] = ..., notice: _Optional[_Union[Notice, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("site", "nonce", "wire", "program", "software", "visit", "coordinator")
    SITE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    WIRE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_FIELD_NUMBER: _ClassVar[int]
    site: str
    nonce: bytes
    wire: int
    program: str
    software: str
    visit: bool
    coordinator: bytes
    def __init__(self, site: _Optional[str] = ..., nonce: _Optional[bytes] = ..., wire: _Optional[int] = ..., program: _Optional[str] = ..., software: _Optional[str] = ..., visit: _Optional[bool] = ..., coordinator: _Optional[bytes] = ...) -> None: ...

class Challenge(_message.Message):
    __slots__ = ("nonce", "signature", "coordinator")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_FIELD_NUMBER: _ClassVar[int]
    nonce: bytes
    signature: bytes
    coordinator: bytes
    def __init__(self, nonce: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., coordinator: _Optional[bytes] = ...) -> None: ...

class LoginProof(_message.Message):
    __slots__ = ("signature",)
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    signature: bytes
    def __init__(self, signature: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("time", "software", "heads", "rosters")
    TIME_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    ROSTERS_FIELD_NUMBER: _ClassVar[int]
    time: int
    software: str
    heads: _containers.RepeatedCompositeFieldContainer[LedgerHead]
    rosters: _containers.RepeatedCompositeFieldContainer[SignedRoster]
    def __init__(self, time: _Optional[int] = ..., software: _Optional[str] = ..., heads: _Optional[_Iterable[_Union[LedgerHead, _Mapping]]] = ..., rosters: _Optional[_Iterable[_Union[SignedRoster, _Mapping]]] = ...) -> None: ...

class LedgerHead(_message.Message):
    __slots__ = ("site", "lines", "digest", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    lines: int
    digest: bytes
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., lines: _Optional[int] = ..., digest: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Heads(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[LedgerHead]
    def __init__(self, heads: _Optional[_Iterable[_Union[LedgerHead, _Mapping]]] = ...) -> None: ...

class Denied(_message.Message):
    __slots__ = ("code", "wire", "program", "software")
    CODE_FIELD_NUMBER: _ClassVar[int]
    WIRE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    code: str
    wire: int
    program: str
    software: str
    def __init__(self, code: _Optional[str] = ..., wire: _Optional[int] = ..., program: _Optional[str] = ..., software: _Optional[str] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Leaving(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("message", "total", "data")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    message: int
    total: int
    data: bytes
    def __init__(self, message: _Optional[int] = ..., total: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("open", "advance", "finish", "abort", "propose")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    PROPOSE_FIELD_NUMBER: _ClassVar[int]
    open: OpenRun
    advance: Advance
    finish: Finish
    abort: Abort
    propose: Propose
    def __init__(self, open: _Optional[_Union[OpenRun, _Mapping]] = ..., advance: _Optional[_Union[Advance, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., abort: _Optional[_Union[Abort, _Mapping]] = ..., propose: _Optional[_Union[Propose, _Mapping]] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("share", "answer", "done", "refusal", "decided", "sealed")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    share: KeyShare
    answer: Answer
    done: Done
    refusal: Refusal
    decided: Decided
    sealed: Envelope
    def __init__(self, share: _Optional[_Union[KeyShare, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., decided: _Optional[_Union[Decided, _Mapping]] = ..., sealed: _Optional[_Union[Envelope, _Mapping]] = ...) -> None: ...

class SignedRoster(_message.Message):
    __slots__ = ("payload", "signatures")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, payload: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class Signature(_message.Message):
    __slots__ = ("key", "signature")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    signature: bytes
    def __init__(self, key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Consent(_message.Message):
    __slots__ = ("site", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class OpenRun(_message.Message):
    __slots__ = ("run_id", "plan", "rosters", "epoch", "scheme", "suite", "program", "consents", "signature", "seal")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROSTERS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    plan: bytes
    rosters: _containers.RepeatedCompositeFieldContainer[SignedRoster]
    epoch: int
    scheme: str
    suite: int
    program: str
    consents: _containers.RepeatedCompositeFieldContainer[Consent]
    signature: bytes
    seal: bytes
    def __init__(self, run_id: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., rosters: _Optional[_Iterable[_Union[SignedRoster, _Mapping]]] = ..., epoch: _Optional[int] = ..., scheme: _Optional[str] = ..., suite: _Optional[int] = ..., program: _Optional[str] = ..., consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ..., signature: _Optional[bytes] = ..., seal: _Optional[bytes] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("site", "ephemeral", "body")
    SITE_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    site: str
    ephemeral: bytes
    body: bytes
    def __init__(self, site: _Optional[str] = ..., ephemeral: _Optional[bytes] = ..., body: _Optional[bytes] = ...) -> None: ...

class KeyShare(_message.Message):
    __slots__ = ("site", "ek", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    EK_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    ek: bytes
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., ek: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Advance(_message.Message):
    __slots__ = ("keys", "closed", "trip")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    TRIP_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[KeyShare]
    closed: ClosedTrip
    trip: Trip
    def __init__(self, keys: _Optional[_Iterable[_Union[KeyShare, _Mapping]]] = ..., closed: _Optional[_Union[ClosedTrip, _Mapping]] = ..., trip: _Optional[_Union[Trip, _Mapping]] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("closed",)
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    closed: ClosedTrip
    def __init__(self, closed: _Optional[_Union[ClosedTrip, _Mapping]] = ...) -> None: ...

class Abort(_message.Message):
    __slots__ = ("ctx", "signature")
    CTX_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    signature: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ClosedTrip(_message.Message):
    __slots__ = ("result", "uploads")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    result: Result
    uploads: _containers.RepeatedCompositeFieldContainer[MaskedVector]
    def __init__(self, result: _Optional[_Union[Result, _Mapping]] = ..., uploads: _Optional[_Iterable[_Union[MaskedVector, _Mapping]]] = ...) -> None: ...

class Trip(_message.Message):
    __slots__ = ("ctx", "transcript", "trip", "steps", "chain", "deadline", "signature")
    CTX_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    TRIP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    transcript: bytes
    trip: int
    steps: _containers.RepeatedCompositeFieldContainer[AskedStep]
    chain: bytes
    deadline: str
    signature: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., transcript: _Optional[bytes] = ..., trip: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[AskedStep, _Mapping]]] = ..., chain: _Optional[bytes] = ..., deadline: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class AskedStep(_message.Message):
    __slots__ = ("step", "kind")
    STEP_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    step: int
    kind: str
    def __init__(self, step: _Optional[int] = ..., kind: _Optional[str] = ...) -> None: ...

class MaskedVector(_message.Message):
    __slots__ = ("site", "step", "sd", "words", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SD_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    step: int
    sd: bytes
    words: bytes
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., step: _Optional[int] = ..., sd: _Optional[bytes] = ..., words: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("site", "trip", "data", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    TRIP_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    trip: int
    data: bytes
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., trip: _Optional[int] = ..., data: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("site", "trip", "vectors", "statement")
    SITE_FIELD_NUMBER: _ClassVar[int]
    TRIP_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    site: str
    trip: int
    vectors: _containers.RepeatedCompositeFieldContainer[MaskedVector]
    statement: Statement
    def __init__(self, site: _Optional[str] = ..., trip: _Optional[int] = ..., vectors: _Optional[_Iterable[_Union[MaskedVector, _Mapping]]] = ..., statement: _Optional[_Union[Statement, _Mapping]] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("site", "sha256", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    sha256: bytes
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., sha256: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class StepResult(_message.Message):
    __slots__ = ("step", "sd", "total_digest", "uploads")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SD_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    step: int
    sd: bytes
    total_digest: bytes
    uploads: _containers.RepeatedCompositeFieldContainer[Upload]
    def __init__(self, step: _Optional[int] = ..., sd: _Optional[bytes] = ..., total_digest: _Optional[bytes] = ..., uploads: _Optional[_Iterable[_Union[Upload, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("ctx", "transcript", "trip", "steps", "statements", "signature")
    CTX_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    TRIP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    transcript: bytes
    trip: int
    steps: _containers.RepeatedCompositeFieldContainer[StepResult]
    statements: _containers.RepeatedCompositeFieldContainer[Statement]
    signature: bytes
    def __init__(self, ctx: _Optional[bytes] = ..., transcript: _Optional[bytes] = ..., trip: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[StepResult, _Mapping]]] = ..., statements: _Optional[_Iterable[_Union[Statement, _Mapping]]] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("site", "ctx", "state", "chain", "signature", "runs")
    SITE_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    site: str
    ctx: bytes
    state: str
    chain: bytes
    signature: bytes
    runs: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, site: _Optional[str] = ..., ctx: _Optional[bytes] = ..., state: _Optional[str] = ..., chain: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., runs: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("site", "ctx", "request", "code", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    ctx: bytes
    request: bytes
    code: str
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., ctx: _Optional[bytes] = ..., request: _Optional[bytes] = ..., code: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Propose(_message.Message):
    __slots__ = ("plan", "rosters", "signer", "signature")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROSTERS_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    rosters: _containers.RepeatedCompositeFieldContainer[SignedRoster]
    signer: bytes
    signature: bytes
    def __init__(self, plan: _Optional[bytes] = ..., rosters: _Optional[_Iterable[_Union[SignedRoster, _Mapping]]] = ..., signer: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Decided(_message.Message):
    __slots__ = ("site", "plan", "roster", "software", "state", "decisions", "signature")
    SITE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    site: str
    plan: bytes
    roster: bytes
    software: bytes
    state: str
    decisions: _containers.RepeatedScalarFieldContainer[bytes]
    signature: bytes
    def __init__(self, site: _Optional[str] = ..., plan: _Optional[bytes] = ..., roster: _Optional[bytes] = ..., software: _Optional[bytes] = ..., state: _Optional[str] = ..., decisions: _Optional[_Iterable[bytes]] = ..., signature: _Optional[bytes] = ...) -> None: ...
