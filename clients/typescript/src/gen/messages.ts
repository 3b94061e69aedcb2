// Made by protos/generate.py from the contract. Do not edit.
import type { Instant, InstantInit, Milliseconds, Properties } from "../values.js";
import type { JsonObject } from "@bufbuild/protobuf";

/**
 * Weekday is a day of the week, in the order of ISO 8601.
 *
 * - `MONDAY`: Monday.
 * - `TUESDAY`: Tuesday.
 * - `WEDNESDAY`: Wednesday.
 * - `THURSDAY`: Thursday.
 * - `FRIDAY`: Friday.
 * - `SATURDAY`: Saturday.
 * - `SUNDAY`: Sunday.
 */
export type Weekday =
  | "MONDAY"
  | "TUESDAY"
  | "WEDNESDAY"
  | "THURSDAY"
  | "FRIDAY"
  | "SATURDAY"
  | "SUNDAY"
  | `UNKNOWN_${number}`;

/**
 * Granularity is the width of one point of a series. Buckets follow the wall clock of the time zone that was asked for:
 * a day has 23, 24 or 25 hours (or 23.5 and 24.5), weeks begin on the day that TimeRange.week_start says, months, quarters
 * and years are those of the calendar.
 *
 * - `HOUR`: One hour of the wall clock. Where a change of the clocks cuts an hour in two, each part is a point.
 * - `DAY`: One calendar day.
 * - `WEEK`: One week of seven calendar days, Monday to Sunday unless week_start says otherwise.
 * - `MONTH`: One calendar month.
 * - `QUARTER_HOUR`: A quarter of an hour, of UTC and of every zone.
 * - `HALF_HOUR`: Half an hour of the wall clock.
 * - `QUARTER`: One calendar quarter.
 * - `YEAR`: One calendar year.
 * - `MINUTE`: One minute, in GetUsageTrends alone, over at most 2 days. Minutes are counted from raw events: of at most 50,000 (TOO_MANY_RAW_EVENTS), and as far back as they are kept (RAW_EVENTS_GONE).
 * - `FIVE_MINUTES`: Five minutes, as GRANULARITY_MINUTE.
 */
export type Granularity =
  | "HOUR"
  | "DAY"
  | "WEEK"
  | "MONTH"
  | "QUARTER_HOUR"
  | "HALF_HOUR"
  | "QUARTER"
  | "YEAR"
  | "MINUTE"
  | "FIVE_MINUTES"
  | `UNKNOWN_${number}`;

/**
 * ComparisonMode is a way to find an earlier period.
 *
 * - `PREVIOUS_PERIOD`: The period of equal length just before. A period of seven days or more is moved back by the fewest whole weeks that are at least as long as it, so that Mondays are compared with Mondays: 90 days with those 91 days earlier. A shorter one of whole days is moved by as many days, and any other by its length.
 * - `PREVIOUS_WEEK`: The same days of the week before.
 * - `PREVIOUS_MONTH`: The same days of the calendar month before, clipped to that month's last day: 30 March with 28 February. Whole calendar months are compared with the whole months before them.
 * - `PREVIOUS_YEAR`: The year before: the same dates, or, for a period of seven days or more, the days 52 weeks earlier, so that Mondays are compared with Mondays. 29 February is compared with 28 February.
 * - `CUSTOM`: The period from start to end.
 */
export type ComparisonMode =
  | "PREVIOUS_PERIOD"
  | "PREVIOUS_WEEK"
  | "PREVIOUS_MONTH"
  | "PREVIOUS_YEAR"
  | "CUSTOM"
  | `UNKNOWN_${number}`;

/**
 * TimeRange is the period that a question is about: the half-open interval [start, end) of the times at which events
 * occurred.
 *
 * Figures are kept per quarter of an hour. Bounds within a quarter hour are exact to the microsecond in every question
 * but GetDailyStats, which answers for whole days: what occurred between such a bound and the next quarter hour is
 * counted from raw events. Where raw events are no longer kept, and where those quarter hours, with those of an earlier
 * period that the question compares with, have more than 20,000 events, start is moved back, and end is moved forward,
 * to a quarter hour (UTC). AnswerContext says which bounds were used. Since 1980 the offset of every IANA time zone has been a multiple of 15
 * minutes, so midnight in any zone is a quarter hour.
 */
export interface TimeRange {
  /** start is the first instant of the period. Required. Not before 1980-01-01T00:00:00Z (TIME_BEFORE_FLOOR). */
  start?: Instant;
  /**
   * end is the first instant after the period. Required, later than start (INVALID_TIME_RANGE), and at most 1,830 days
   * after start (TIME_RANGE_TOO_LARGE). If the period has already started, end is clamped to one hour from now, the
   * latest time that an event may have.
   */
  end?: Instant;
  /**
   * time_zone is the IANA name of the zone whose hours, days, weeks and months are the buckets of a series, for example
   * "Asia/Kathmandu". Unset: the organization's own zone. Upper and lower case make no difference; the answer has the
   * canonical name. Offsets such as "+05:45" are refused (INVALID_TIME_ZONE).
   */
  timeZone: string;
  /** week_start is the day on which weeks begin. Unset: the organization's own, which is Monday unless set. */
  weekStart?: Weekday;
}

/**
 * TimeRange is the period that a question is about: the half-open interval [start, end) of the times at which events
 * occurred.
 *
 * Figures are kept per quarter of an hour. Bounds within a quarter hour are exact to the microsecond in every question
 * but GetDailyStats, which answers for whole days: what occurred between such a bound and the next quarter hour is
 * counted from raw events. Where raw events are no longer kept, and where those quarter hours, with those of an earlier
 * period that the question compares with, have more than 20,000 events, start is moved back, and end is moved forward,
 * to a quarter hour (UTC). AnswerContext says which bounds were used. Since 1980 the offset of every IANA time zone has been a multiple of 15
 * minutes, so midnight in any zone is a quarter hour.
 */
export interface TimeRangeInit {
  /** start is the first instant of the period. Required. Not before 1980-01-01T00:00:00Z (TIME_BEFORE_FLOOR). */
  start?: InstantInit | undefined;
  /**
   * end is the first instant after the period. Required, later than start (INVALID_TIME_RANGE), and at most 1,830 days
   * after start (TIME_RANGE_TOO_LARGE). If the period has already started, end is clamped to one hour from now, the
   * latest time that an event may have.
   */
  end?: InstantInit | undefined;
  /**
   * time_zone is the IANA name of the zone whose hours, days, weeks and months are the buckets of a series, for example
   * "Asia/Kathmandu". Unset: the organization's own zone. Upper and lower case make no difference; the answer has the
   * canonical name. Offsets such as "+05:45" are refused (INVALID_TIME_ZONE).
   */
  timeZone?: string | undefined;
  /** week_start is the day on which weeks begin. Unset: the organization's own, which is Monday unless set. */
  weekStart?: Weekday | undefined;
}

/**
 * Comparison says with which earlier period a question's period is compared.
 *
 * The calendar is that of the question's time zone: a day that is moved across a change of the clocks stays a day. A
 * period that is still running is compared with as much of the earlier one as has passed of it, in whole quarter hours.
 */
export interface Comparison {
  /** mode says how the earlier period is found. Unset: no comparison. */
  mode?: ComparisonMode;
  /**
   * start is the first instant of the earlier period. Required with COMPARISON_MODE_CUSTOM, and refused with any other
   * (INVALID_VALUE).
   */
  start?: Instant;
  /**
   * end is the first instant after it. As start; bounds are moved to quarter hours as those of TimeRange, and the same
   * limits hold.
   */
  end?: Instant;
}

/**
 * Comparison says with which earlier period a question's period is compared.
 *
 * The calendar is that of the question's time zone: a day that is moved across a change of the clocks stays a day. A
 * period that is still running is compared with as much of the earlier one as has passed of it, in whole quarter hours.
 */
export interface ComparisonInit {
  /** mode says how the earlier period is found. Unset: no comparison. */
  mode?: ComparisonMode | undefined;
  /**
   * start is the first instant of the earlier period. Required with COMPARISON_MODE_CUSTOM, and refused with any other
   * (INVALID_VALUE).
   */
  start?: InstantInit | undefined;
  /**
   * end is the first instant after it. As start; bounds are moved to quarter hours as those of TimeRange, and the same
   * limits hold.
   */
  end?: InstantInit | undefined;
}

/**
 * AnswerSource is what figures are read from.
 *
 * - `ROLLUPS`: Figures that are kept by quarter hours, and wider ones that are made of these.
 * - `RAW_EVENTS`: Raw events and conversations, counted for this answer.
 * - `BOTH`: Both: bounds of the answer lie within quarter hours, or some of its rows are counted from raw events.
 */
export type AnswerSource =
  | "ROLLUPS"
  | "RAW_EVENTS"
  | "BOTH"
  | `UNKNOWN_${number}`;

/**
 * AbsenceReason says why a figure is absent.
 *
 * - `NO_BASELINE`: The earlier period counted 0, so a change in percent has no meaning.
 * - `BEFORE_FLOOR`: The earlier period begins before 1980-01-01, which is not kept.
 * - `TOO_EARLY`: No quarter hour of the period has passed yet.
 * - `NOT_KEPT`: The figure is not kept by the dimension of the filter.
 * - `BEFORE_FIRST_EVENT`: The earlier period begins before the organization's first event, so it cannot be compared fairly.
 * - `TOO_MANY`: The period has more than can be looked at one by one: ask for a shorter one, or narrow the question.
 */
export type AbsenceReason =
  | "NO_BASELINE"
  | "BEFORE_FLOOR"
  | "TOO_EARLY"
  | "NOT_KEPT"
  | "BEFORE_FIRST_EVENT"
  | "TOO_MANY"
  | `UNKNOWN_${number}`;

/** AnswerContext says what an answer is about, and how exact it is. Every answer with numbers has one. */
export interface AnswerContext {
  /**
   * start is the first instant that was counted, in UTC: the start asked for, or the quarter hour that holds it. Unset,
   * as end, where an answer is about no period.
   */
  start?: Instant;
  /**
   * end is the first instant that was not counted, in UTC: the end asked for, or the end of the quarter hour that holds
   * it (see TimeRange). If the period has already started, end is not later than the last instant that an event may have
   * now.
   */
  end?: Instant;
  /**
   * time_zone is the canonical IANA name of the zone of the buckets; the organization's where an answer is about no
   * period.
   */
  timeZone: string;
  /**
   * as_of_revision is the organization's revision in the snapshot that the answer was read from. The figures hold every
   * event that was acknowledged with this or a lower revision, and no event with a higher one. It never goes back
   * within an epoch.
   */
  asOfRevision: number;
  /** as_of_time is the database's time of that snapshot. */
  asOfTime?: Instant;
  /**
   * still_running is true if the period has not ended at as_of_time: its figures will grow. (Late events can change a
   * period that has ended, too; compare as_of_revision.)
   */
  stillRunning: boolean;
  /**
   * approximation names the figures of this answer that are not exact, and bounds their error. Unset: all are exact.
   */
  approximation?: Approximation;
  /**
   * epoch names the time in which revisions can be compared. A new epoch begins when the database is restored to an
   * earlier point, since numbers of revisions then come again. Opaque.
   */
  epoch: string;
  /**
   * lagging names the projections that this answer needs and that have stopped at a revision before as_of_revision,
   * because of a fault of the service. Figures that are taken from them are of an earlier revision. Unset: there are
   * none, and all figures are of as_of_revision.
   */
  lagging: LaggingProjection[];
  /**
   * currency is the code in ISO 4217 of the organization's currency, which all money is in ("micros" are its millionths).
   */
  currency: string;
  /**
   * first_event_at is the start of the first quarter hour in which the organization has any event. Before it there is
   * nothing to count. Unset: it has none.
   */
  firstEventAt?: Instant;
  /** week_start is the day on which weeks begin in this answer. */
  weekStart?: Weekday;
  /** source is what the figures were read from. They are the same either way. */
  source?: AnswerSource;
  /**
   * restriction is the part of the organization that the caller may see, or that a report is about. All figures are of that part: of the value that
   * the question names where there are several. Unset: the caller may see all of it.
   */
  restriction?: Restriction;
}

/**
 * Restriction is the part of an organization that somebody may see: what carries some values of one dimension. Questions
 * without a filter by the dimension are narrowed to its value; where there are several, a question has to name one of
 * them. Questions that cannot be narrowed, and RPCs about the whole organization, are refused (RESTRICTED). No tokens of
 * rows are given out or taken. Reports and alert rules are kept with the part that they are about: who may see that
 * part or more sees them.
 */
export interface Restriction {
  /** dimension is "agent", "channel" or "team". */
  dimension: string;
  /** values are the values that may be seen. */
  values: string[];
}

/**
 * Restriction is the part of an organization that somebody may see: what carries some values of one dimension. Questions
 * without a filter by the dimension are narrowed to its value; where there are several, a question has to name one of
 * them. Questions that cannot be narrowed, and RPCs about the whole organization, are refused (RESTRICTED). No tokens of
 * rows are given out or taken. Reports and alert rules are kept with the part that they are about: who may see that
 * part or more sees them.
 */
export interface RestrictionInit {
  /** dimension is "agent", "channel" or "team". */
  dimension?: string | undefined;
  /** values are the values that may be seen. */
  values?: readonly string[] | undefined;
}

/** LaggingProjection is a projection that has stopped at a revision until its operator lets it go on. */
export interface LaggingProjection {
  /** projection is its name, as in "conversations". */
  projection: string;
  /** as_of_revision is the revision that its figures are of. */
  asOfRevision: number;
}

/** Approximation bounds the error of the figures that are not exact. */
export interface Approximation {
  /** metrics are the names of the approximate figures, as in ListMetrics. */
  metrics: string[];
  /** max_relative_error is the most by which a figure can be off, as a fraction of the exact figure: 0.01 is 1 %. */
  maxRelativeError: number;
}

/** ComparedPeriod says what an answer compares with what. */
export interface ComparedPeriod {
  /** start is the first instant of the earlier period. */
  start?: Instant;
  /**
   * end is the first instant after what was compared of the earlier period. If the period that was asked about is still
   * running, that is as much of the earlier one as has passed.
   */
  end?: Instant;
  /**
   * compared_until is the first instant after the part of the period asked about that is compared: its end, or the last
   * quarter hour that has passed.
   */
  comparedUntil?: Instant;
  /** absence_reason says why there are no earlier figures and no changes. Unset: there are. */
  absenceReason?: AbsenceReason;
}

/**
 * Change compares a figure with the same figure of the question's comparison; without one, of the period of equal length
 * just before. If the period is still running, the quarter hours that have passed are compared with as much of the
 * earlier period.
 */
export interface Change {
  /** percent is (now − before) ÷ before × 100. Unset if it cannot be computed; absence_reason then says why. */
  percent?: number;
  /** absence_reason is set if percent is not. */
  absenceReason?: AbsenceReason;
}

/**
 * Filter narrows a question to a part of the organization's events: to one value of a dimension, or to what carries one
 * value of each of two dimensions. Figures by two dimensions together are kept for the pairs that the organization has
 * declared, agent and channel unless it chose others (PAIR_NOT_KEPT names them). More than two values, or two of the same
 * dimension, are refused (TOO_MANY_FILTERS). A value that no event carried gives zeros, not an error. A value without
 * figures of its own, because it was first seen after the limit of distinct values was reached, is refused
 * (CARDINALITY_OVERFLOW); "_other" gives the figures of all such values together, of a pair for both of its dimensions.
 *
 * What is counted from whole conversations (how many there are, how they close, how long they take) is kept by agent,
 * channel, team, topic and handoff_reason: a conversation counts for the topic that its events told last, and, if it was
 * handed over, for the reason of the event that decided so. Under any other dimension, and under pairs, these figures are
 * absent.
 */
export interface Filter {
  /** agent_id keeps the events that carry this agent. At most 256 bytes. */
  agentId: string;
  /** channel keeps the events that carry this channel. At most 256 bytes. */
  channel: string;
  /** team_id keeps the events that carry this team. At most 256 bytes. */
  teamId: string;
  /** dimensions keeps the events that carry a value of any dimension in ListMetrics. At most two. */
  dimensions: DimensionFilter[];
}

/**
 * Filter narrows a question to a part of the organization's events: to one value of a dimension, or to what carries one
 * value of each of two dimensions. Figures by two dimensions together are kept for the pairs that the organization has
 * declared, agent and channel unless it chose others (PAIR_NOT_KEPT names them). More than two values, or two of the same
 * dimension, are refused (TOO_MANY_FILTERS). A value that no event carried gives zeros, not an error. A value without
 * figures of its own, because it was first seen after the limit of distinct values was reached, is refused
 * (CARDINALITY_OVERFLOW); "_other" gives the figures of all such values together, of a pair for both of its dimensions.
 *
 * What is counted from whole conversations (how many there are, how they close, how long they take) is kept by agent,
 * channel, team, topic and handoff_reason: a conversation counts for the topic that its events told last, and, if it was
 * handed over, for the reason of the event that decided so. Under any other dimension, and under pairs, these figures are
 * absent.
 */
export interface FilterInit {
  /** agent_id keeps the events that carry this agent. At most 256 bytes. */
  agentId?: string | undefined;
  /** channel keeps the events that carry this channel. At most 256 bytes. */
  channel?: string | undefined;
  /** team_id keeps the events that carry this team. At most 256 bytes. */
  teamId?: string | undefined;
  /** dimensions keeps the events that carry a value of any dimension in ListMetrics. At most two. */
  dimensions?: readonly DimensionFilterInit[] | undefined;
}

/** DimensionFilter keeps the events that carry a value of a dimension. */
export interface DimensionFilter {
  /** dimension is its name, as in ListMetrics, for example "model" (UNKNOWN_DIMENSION). Required. */
  dimension: string;
  /** value is the value. Required. At most 256 bytes, or 513 for "endpoint". */
  value: string;
}

/** DimensionFilter keeps the events that carry a value of a dimension. */
export interface DimensionFilterInit {
  /** dimension is its name, as in ListMetrics, for example "model" (UNKNOWN_DIMENSION). Required. */
  dimension?: string | undefined;
  /** value is the value. Required. At most 256 bytes, or 513 for "endpoint". */
  value?: string | undefined;
}

/**
 * CredentialKind is a kind of credentials.
 *
 * - `API_KEY`: An API key.
 * - `SESSION`: A session.
 * - `EMBED_TOKEN`: An embed token.
 * - `IDENTITY_TOKEN`: A token of the organization's identity provider.
 * - `CERTIFICATE`: A client certificate.
 */
export type CredentialKind =
  | "API_KEY"
  | "SESSION"
  | "EMBED_TOKEN"
  | "IDENTITY_TOKEN"
  | "CERTIFICATE"
  | `UNKNOWN_${number}`;

/**
 * Theme is how pages look.
 *
 * - `LIGHT`: Light.
 * - `DARK`: Dark.
 */
export type Theme =
  | "LIGHT"
  | "DARK"
  | `UNKNOWN_${number}`;

/** SignInRequest asks for a session. */
export interface SignInRequest {
  /** credential is what the session comes from. Required. */
  credential?:
    /** api_key is an API key. */
    | { case: "apiKey"; value: string }
    /** code is a one-time code of CreateSignInCode. */
    | { case: "code"; value: string }
    /** identity_token is a token (JWT) of the organization's identity provider. */
    | { case: "identityToken"; value: string }
    | undefined;
  /**
   * scopes are those that the session gets: at most those of the credential (SCOPE_MISSING). Unset: all of them but
   * ingest and backfill, which pages do not need.
   */
  scopes?: readonly string[] | undefined;
}

/** SignInResponse holds a session. */
export interface SignInResponse {
  /**
   * credential is what the session's calls send as "authorization: Bearer CREDENTIAL". It is shown once. Web servers keep
   * it in a cookie that scripts cannot read, and do not pass it on to pages.
   */
  credential: string;
  /** session says whose session it is. */
  session?: Session;
}

/** SignOutRequest ends the session of the caller. */
export type SignOutRequest = Readonly<Record<string, never>>;

/** SignOutResponse says that the session has ended. */
export type SignOutResponse = Readonly<Record<string, never>>;

/** GetSessionRequest asks who the caller is. */
export type GetSessionRequest = Readonly<Record<string, never>>;

/** GetSessionResponse says who the caller is. */
export interface GetSessionResponse {
  /** session is the caller. */
  session?: Session;
}

/** Session is who makes calls with a credential, and what it needs to know of its organization. */
export interface Session {
  /**
   * session_id is the public id of the session or key: it tells sessions apart, and opens nothing. For an embed token an
   * id of its own; for an identity token "oidc:" and a digest of its issuer and subject, for a certificate
   * "cert:" and a digest of what it says.
   */
  sessionId: string;
  /** kind is what the credential is. */
  kind?: CredentialKind;
  /**
   * subject is whom personal things belong to. For a key, and for sessions from it, "key:" and the key's id, unless a
   * code named somebody else ("user:" and that name). For an identity token "user:oidc:", a digest of its issuer, ":" and
   * its subject. For a certificate "certificate:" and its SPIFFE id or CN=NAME. Empty for an embed token, which has nothing personal.
   */
  subject: string;
  /** scopes are what the caller may do: "read", "events", "edit", "admin" and so on. admin contains all others. */
  scopes: string[];
  /** expires_at is when the credential ends at the latest. Unset: never. */
  expiresAt?: Instant;
  /** idle_until is when a session ends without further calls. Unset for keys and embed tokens. */
  idleUntil?: Instant;
  /** organization is the caller's organization. */
  organization?: SessionOrganization;
  /** embed is what an embed token is tied to. Unset for others. */
  embed?: EmbedScope;
  /** role is the name of the role that the scopes are of. Empty where they were chosen one by one. */
  role: string;
  /** restriction is the part of the organization that the caller may see. Unset: all of it. */
  restriction?: Restriction;
}

/** SessionOrganization is what pages need to know of an organization. */
export interface SessionOrganization {
  /** name is what the operator calls it. Empty for an embed token. */
  name: string;
  /** time_zone is its IANA time zone. */
  timeZone: string;
  /** currency is the code in ISO 4217 that all its money is in. */
  currency: string;
  /** week_start is the day on which its weeks begin. */
  weekStart?: Weekday;
  /** first_event_at is the start of the first quarter hour in which it has any event. Unset: it has none yet. */
  firstEventAt?: Instant;
  /** now is the database's time of this answer. */
  now?: Instant;
  /** month_events is how many events it has stored in this calendar month of UTC. Unset for an embed token. */
  monthEvents?: number;
  /** monthly_events is the most that it may store in a month. Unset: there is no limit, or this is an embed token. */
  monthlyEvents?: number;
  /** events_per_second is the most events a second that it may send over time. Unset as monthly_events. */
  eventsPerSecond?: number;
  /**
   * organization_handle is the same for all credentials of one organization, and another one for each organization. Opaque:
   * for programs that share what is equal for all of its callers. It changes with the pepper of the service.
   */
  organizationHandle: string;
  /** raw_retention_days is for how many days its raw events are kept. Unset: for ever, or this is an embed token. */
  rawRetentionDays?: number;
}

/** CreateSignInCodeRequest asks for a one-time code. */
export interface CreateSignInCodeRequest {
  /**
   * scopes are those that the session will have: at most those of the caller (SCOPE_MISSING). Unset: all of them but
   * ingest and backfill.
   */
  scopes?: readonly string[] | undefined;
  /**
   * subject names the person whom the session is for, as your own system names people: at most 200 characters without
   * control characters. It needs the scope admin (SCOPE_MISSING). Unset: the session belongs to the key.
   */
  subject?: string | undefined;
}

/** CreateSignInCodeResponse holds a one-time code. */
export interface CreateSignInCodeResponse {
  /** code is the code. It is shown once. */
  code: string;
  /** expires_at is when it ends, used or not. */
  expiresAt?: Instant;
}

/** CreateEmbedTokenRequest asks for a token for an embedded panel. */
export interface CreateEmbedTokenRequest {
  /**
   * filter is the part of the organization that the token sees: one value of a dimension, or of two that are kept as a
   * pair. Requests with the token that leave their filter out get this one; requests with another filter are refused
   * (EMBED_NOT_ALLOWED). What is happening now is not kept by pairs, nor by every dimension: with such a filter the
   * realtime RPCs are refused. Unset: the whole organization.
   */
  filter?: FilterInit | undefined;
  /**
   * rpcs are those that the token may call, as "GetOverview": some of GetOverview, GetUsageTrends, QueryMetrics,
   * ListMetrics, GetRealtimeMetrics and WatchMetrics (INVALID_VALUE). Unset: all of these. GetSession is always allowed.
   */
  rpcs?: readonly string[] | undefined;
  /**
   * origins are the pages that may show the panel, as "https://app.example.com": at most 10, of at most 255 bytes each.
   * The panel sends its messages to these alone, and shows nothing elsewhere. Required. The web server's operator
   * must allow them, too (TALLYWIRE_WEB_EMBED_ORIGINS).
   */
  origins?: readonly string[] | undefined;
  /** lifetime_seconds is for how long the token is good: 60 to 3,600. Unset: 3,600. */
  lifetimeSeconds?: number | undefined;
}

/** CreateEmbedTokenResponse holds a token for an embedded panel. */
export interface CreateEmbedTokenResponse {
  /**
   * token is the token. It belongs into the fragment of the panel's address (ORIGIN/embed/panel#t=TOKEN), and is sent as
   * "authorization: Bearer TOKEN".
   */
  token: string;
  /** expires_at is when it ends. */
  expiresAt?: Instant;
}

/** EmbedScope is what an embed token is tied to. */
export interface EmbedScope {
  /** filter is the part of the organization that it sees. Unset: all of it. */
  filter?: Filter;
  /** rpcs are those that it may call, beside GetSession. */
  rpcs: string[];
  /** origins are the pages that may show the panel. */
  origins: string[];
}

/** Preferences are what a person has chosen. They change nothing for others. */
export interface Preferences {
  /** time_zone is the IANA zone of the pages (INVALID_TIME_ZONE). Empty: the organization's. */
  timeZone: string;
  /** language is a language tag such as "en" or "pt-BR", at most 35 characters. Empty: the browser's. */
  language: string;
  /** theme is how pages look. Unset: as the system does. */
  theme?: Theme;
  /** shortcuts_off turns the keyboard shortcuts of single letters off. */
  shortcutsOff: boolean;
  /**
   * home_dashboard_id is the dashboard to begin with. Empty: the overview. One that was deleted since stays named here.
   */
  homeDashboardId: string;
}

/** Preferences are what a person has chosen. They change nothing for others. */
export interface PreferencesInit {
  /** time_zone is the IANA zone of the pages (INVALID_TIME_ZONE). Empty: the organization's. */
  timeZone?: string | undefined;
  /** language is a language tag such as "en" or "pt-BR", at most 35 characters. Empty: the browser's. */
  language?: string | undefined;
  /** theme is how pages look. Unset: as the system does. */
  theme?: Theme | undefined;
  /** shortcuts_off turns the keyboard shortcuts of single letters off. */
  shortcutsOff?: boolean | undefined;
  /**
   * home_dashboard_id is the dashboard to begin with. Empty: the overview. One that was deleted since stays named here.
   */
  homeDashboardId?: string | undefined;
}

/** GetPreferencesRequest asks for the preferences of the caller's subject. */
export type GetPreferencesRequest = Readonly<Record<string, never>>;

/** GetPreferencesResponse holds preferences. */
export interface GetPreferencesResponse {
  /** preferences are what was chosen; all fields are empty where nothing was. */
  preferences?: Preferences;
}

/** UpdatePreferencesRequest changes the preferences of the caller's subject. */
export interface UpdatePreferencesRequest {
  /** preferences hold the new values. */
  preferences?: PreferencesInit | undefined;
  /**
   * update_mask names the fields of preferences that change, as "theme" (INVALID_VALUE); the others stay as they are.
   * Unset: all of them change.
   */
  updateMask?: readonly string[] | undefined;
}

/** UpdatePreferencesResponse holds preferences. */
export interface UpdatePreferencesResponse {
  /** preferences are what is chosen now. */
  preferences?: Preferences;
}

/**
 * SignedInSession is a session as those see it whose it is, and those who administer the organization. Where somebody is
 * signed in is not kept with it: the entry session.created of the audit trail has the address that the sign-in came from,
 * which for pages is that of the web server.
 */
export interface SignedInSession {
  /** session_id is the public id of the session. It opens nothing. */
  sessionId: string;
  /** subject is whose session it is, as Session.subject. */
  subject: string;
  /** key_id is the API key that the session comes from. Empty for one that comes from an identity token. */
  keyId: string;
  /** key_name is what that key is for. */
  keyName: string;
  /**
   * identity_issuer is the identity provider that has vouched for its holder. Empty for a session that comes from a key.
   */
  identityIssuer: string;
  /** scopes are what it may do; of one that comes from an identity token, what it might when it was made. */
  scopes: string[];
  /** role is the name of the role that the scopes are of. Empty where they were chosen one by one. */
  role: string;
  /** restriction is the part of the organization that it may see. Unset: all of it. */
  restriction?: Restriction;
  /** created_at is when somebody signed in. */
  createdAt?: Instant;
  /** last_used_at is when it last made a call, to ten minutes. Unset: it has made none. */
  lastUsedAt?: Instant;
  /** expires_at is when it ends at the latest. */
  expiresAt?: Instant;
  /** idle_until is when it ends without further calls. */
  idleUntil?: Instant;
  /** revoked_at is when it was ended. Unset: it was not. */
  revokedAt?: Instant;
  /** is_current says whether it is the session that makes the call. */
  isCurrent: boolean;
}

/** ListOwnSessionsRequest asks for a page of the caller's own sessions. */
export interface ListOwnSessionsRequest {
  /** page_size is the most sessions to return: 1 to 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before. Unset: the first page. */
  pageToken?: string | undefined;
}

/** ListOwnSessionsResponse holds a page of sessions. */
export interface ListOwnSessionsResponse {
  /** sessions are the sessions, the newest first. */
  sessions: SignedInSession[];
  /** next_page_token asks for the next page. Empty: this is the last one. */
  nextPageToken: string;
}

/** RevokeOwnSessionRequest names a session of the caller's subject. */
export interface RevokeOwnSessionRequest {
  /** session_id is its id. Required. */
  sessionId?: string | undefined;
}

/** RevokeOwnSessionResponse holds the session as it is now. */
export interface RevokeOwnSessionResponse {
  /** session is the session. */
  session?: SignedInSession;
}

/** RevokeOtherSessionsRequest ends the other sessions of the caller's subject. */
export type RevokeOtherSessionsRequest = Readonly<Record<string, never>>;

/** RevokeOtherSessionsResponse says what was ended. */
export interface RevokeOtherSessionsResponse {
  /** revoked_count is how many sessions were ended. */
  revokedCount: number;
}

/**
 * RowsKind is what the rows behind a figure are.
 *
 * - `EVENTS`: Raw events: ListEvents.
 * - `CONVERSATIONS`: Conversations: ListConversations.
 * - `LEADS`: Leads: ListLeads.
 * - `USERS`: Users: ListUsers.
 */
export type RowsKind =
  | "EVENTS"
  | "CONVERSATIONS"
  | "LEADS"
  | "USERS"
  | `UNKNOWN_${number}`;

/**
 * RowsToken opens the rows that a figure was counted from: the list that kind names takes the token in place of its own
 * filters, and shows exactly these rows. It holds the part of the organization, the bounds and the revision of the
 * figure, so that rows that came later are not among them.
 *
 * The rows of a ratio are those of its denominator: of error_rate the messages sent. The rows of a percentile are those
 * that have a value.
 */
export interface RowsToken {
  /**
   * token is opaque. It belongs to the organization, and does not expire by itself. It tells whoever has it the figure's
   * filter, and opens nothing without a key that has the scope events.
   */
  token: string;
  /** kind says which list opens it. */
  kind?: RowsKind;
  /** figure is what the amounts of the rows add up to: where each row counts as one, it is the number of rows. */
  figure: number;
}

/** FigureRows says of a list that was asked for by a rows_token how its rows add up to the figure. */
export interface FigureRows {
  /** metric is what was counted, as in ListMetrics. */
  metric: string;
  /** figure is what the amounts of all rows add up to, as it was answered. */
  figure: number;
  /** listed_rows is how many rows there were up to the end of this page. */
  listedRows: number;
  /** listed_figure is what their amounts add up to. */
  listedFigure: number;
  /**
   * missing_figure is set on the last page: what figure has beside all rows, 0 where every row is still kept. It is
   * what was counted of rows that have been removed since, because they were older than the organization keeps them. It is
   * all of figure where that is of a user who was erased since.
   */
  missingFigure?: number;
  /** kept_from is set where rows of the period may have been removed: from this instant on all are kept. */
  keptFrom?: Instant;
}

/** GetApiUsageRequest asks how APIs and tools are used. */
export interface GetApiUsageRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * filter narrows the question to one value of a dimension. Unset: the whole organization. With a filter, a breakdown is
   * there if its dimension and that of the filter are a pair that is kept.
   */
  filter?: Filter;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top: number;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens: boolean;
}

/** GetApiUsageRequest asks how APIs and tools are used. */
export interface GetApiUsageRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * filter narrows the question to one value of a dimension. Unset: the whole organization. With a filter, a breakdown is
   * there if its dimension and that of the filter are a pair that is kept.
   */
  filter?: FilterInit | undefined;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity | undefined;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top?: number | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens?: boolean | undefined;
}

/** GetApiUsageResponse says how APIs and tools are used. All of it is of one revision. */
export interface GetApiUsageResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** figures are those of the period. */
  figures?: ApiFigures;
  /**
   * by_endpoint are the endpoints with the most calls. An endpoint is the route with its method: "GET /orders/\{id\}".
   */
  byEndpoint?: ApiBreakdown;
  /** by_method are the methods with the most calls. */
  byMethod?: ApiBreakdown;
  /** by_status_class are the classes of status codes, "2xx" to "5xx", with the most calls. */
  byStatusClass?: ApiBreakdown;
  /**
   * slowest_endpoints are those with the highest 95th percentile of the latency. Endpoints without a latency are not
   * among them.
   */
  slowestEndpoints?: ApiBreakdown;
  /** failing_endpoints are those with the most calls that failed (status 500 and above), if any. */
  failingEndpoints?: ApiBreakdown;
  /** granularity is the one of the series. */
  granularity?: Granularity;
  /** series are the points of the period, oldest first, without gaps. */
  series: ApiPoint[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier holds the figures of the earlier period. Unset without a comparison, and where compared has an
   * absence_reason.
   */
  earlier?: ApiFigures;
  /**
   * rows_tokens open the rows behind figures, by the names of their metrics: where the request asks for them, and some list has such
   * rows. There are none of custom metrics, of numbers of agents and of figures that ListMetrics does not name, and none
   * that are absent.
   */
  rowsTokens: Record<string, RowsToken>;
}

/** ApiFigures are the figures of calls of APIs and tools. Figures without a denominator are absent. */
export interface ApiFigures {
  /** Calls. */
  apiCalls?: number;
  /** Calls that failed on the side of the API: status 500 and above. */
  apiErrors?: number;
  /** Calls that were refused: status 400 to 499. */
  apiClientErrors?: number;
  /** api_errors ÷ api_calls. */
  apiErrorRate?: number;
  /** api_client_errors ÷ api_calls. */
  apiClientErrorRate?: number;
  /** Mean latency of the calls that tell one, in milliseconds. */
  avgApiLatencyMs?: number;
  /** Median latency, in milliseconds, at most 1 % off, as are the other percentiles. */
  p50ApiLatencyMs?: number;
  /** 90th percentile of the latency, in milliseconds. */
  p90ApiLatencyMs?: number;
  /** 95th percentile of the latency, in milliseconds. */
  p95ApiLatencyMs?: number;
  /** 99th percentile of the latency, in milliseconds. */
  p99ApiLatencyMs?: number;
  /** Bytes sent in calls. */
  apiRequestBytes?: number;
  /** Bytes received in calls. */
  apiResponseBytes?: number;
  /**
   * Distinct users on events with the value, of the whole on any event. Absent in rest, since distinct users do not add
   * up.
   */
  uniqueUsers?: number;
}

/** ApiBreakdown holds the calls by the values of a dimension. */
export interface ApiBreakdown {
  /** rows are the first values in order. */
  rows: ApiRow[];
  /** rest is what the total has beside the rows and other. */
  rest?: ApiFigures;
  /**
   * other is what values without figures of their own come to: those that were first seen after the organization's limit
   * of distinct values was reached. Unset where there are none, and with a filter, where it is a part of rest.
   */
  other?: ApiFigures;
  /** distinct_values is how many values there are in the period. */
  distinctValues: number;
  /**
   * missing_pair is set, and all else is not, if there is a filter, and figures by its dimension and this one together
   * are not kept: the name of the pair that would have to be declared.
   */
  missingPair: string;
}

/** ApiRow is a value with its figures. */
export interface ApiRow {
  /** value is the value of the dimension. */
  value: string;
  /** figures are those of the value. */
  figures?: ApiFigures;
}

/** ApiPoint is a point of the series. */
export interface ApiPoint {
  /** start is the first instant of the point. */
  start?: Instant;
  /** end is the first instant after the point. */
  end?: Instant;
  /** figures are those of the point. */
  figures?: ApiFigures;
  /**
   * partial is true if the point counts less than its whole hour, day or other width: since it is still running, since
   * there was no event yet, or since the period begins or ends within it.
   */
  partial: boolean;
}

/** GetCallMetricsRequest asks how telephone calls went. */
export interface GetCallMetricsRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * filter narrows the question to one value of a dimension. Unset: the whole organization. With a filter, a breakdown is
   * there if its dimension and that of the filter are a pair that is kept.
   */
  filter?: Filter;
  /** service_level_seconds are the thresholds of service levels, each from 1 to 86,400. At most 5. Unset: 20. */
  serviceLevelSeconds: number[];
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top: number;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens: boolean;
}

/** GetCallMetricsRequest asks how telephone calls went. */
export interface GetCallMetricsRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * filter narrows the question to one value of a dimension. Unset: the whole organization. With a filter, a breakdown is
   * there if its dimension and that of the filter are a pair that is kept.
   */
  filter?: FilterInit | undefined;
  /** service_level_seconds are the thresholds of service levels, each from 1 to 86,400. At most 5. Unset: 20. */
  serviceLevelSeconds?: readonly number[] | undefined;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity | undefined;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top?: number | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens?: boolean | undefined;
}

/** GetCallMetricsResponse says how telephone calls went. All of it is of one revision. */
export interface GetCallMetricsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** figures are those of the period. */
  figures?: CallFigures;
  /** by_queue are the queues with the most calls offered. */
  byQueue?: CallBreakdown;
  /** by_team are the teams with the most calls that ended. */
  byTeam?: CallBreakdown;
  /** by_agent are the agents with the most calls that ended. */
  byAgent?: CallBreakdown;
  /** hours_of_week are all 168 hours of the week of the time zone, from Monday 00:00 on. */
  hoursOfWeek: CallHour[];
  /** granularity is the one of the series. */
  granularity?: Granularity;
  /** series are the points of the period, oldest first, without gaps. */
  series: CallPoint[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier holds the figures of the earlier period. Unset without a comparison, and where compared has an
   * absence_reason.
   */
  earlier?: CallFigures;
  /**
   * rows_tokens open the rows behind figures, by the names of their metrics: where the request asks for them, and some list has such
   * rows. There are none of custom metrics, of numbers of agents and of figures that ListMetrics does not name, and none
   * that are absent.
   */
  rowsTokens: Record<string, RowsToken>;
}

/**
 * CallFigures are the figures of calls. A call whose direction is not told is inbound. Figures without a denominator are
 * absent.
 */
export interface CallFigures {
  /** Inbound calls that began. */
  callsOffered?: number;
  /** Inbound calls that an agent took. */
  callsAnswered?: number;
  /** Inbound calls whose caller hung up before an agent took them. */
  callsAbandoned?: number;
  /** calls_abandoned ÷ (calls_answered + calls_abandoned). */
  callAbandonmentRate?: number;
  /** service_levels are the shares of calls that were answered in time, one for each threshold, shortest first. */
  serviceLevels: ServiceLevel[];
  /** Mean waiting time of the inbound calls answered that tell one, in milliseconds. */
  avgWaitMs?: number;
  /** Median waiting time, in milliseconds, at most 1 % off, as are the other percentiles. */
  p50WaitMs?: number;
  /** 90th percentile of the waiting time, in milliseconds. */
  p90WaitMs?: number;
  /** 95th percentile of the waiting time, in milliseconds. */
  p95WaitMs?: number;
  /** 99th percentile of the waiting time, in milliseconds. */
  p99WaitMs?: number;
  /** Longest waiting time of an inbound call answered, in milliseconds, at most 1 % off. */
  longestWaitMs?: number;
  /** Mean time that callers waited before they hung up, in milliseconds. */
  avgAbandonedWaitMs?: number;
  /** Calls that ended, of either direction. */
  callsHandled?: number;
  /** Mean talk, hold and wrap-up time of the calls that ended, in milliseconds. */
  avgHandleTimeMs?: number;
  /** Median handle time, in milliseconds. */
  p50HandleTimeMs?: number;
  /** 90th percentile of the handle time, in milliseconds. */
  p90HandleTimeMs?: number;
  /** 95th percentile of the handle time, in milliseconds. */
  p95HandleTimeMs?: number;
  /** 99th percentile of the handle time, in milliseconds. */
  p99HandleTimeMs?: number;
  /** Mean talk time, in milliseconds. */
  avgTalkTimeMs?: number;
  /** Median talk time, in milliseconds. */
  p50TalkTimeMs?: number;
  /** 95th percentile of the talk time, in milliseconds. */
  p95TalkTimeMs?: number;
  /** Mean hold time, in milliseconds. */
  avgHoldTimeMs?: number;
  /** Mean wrap-up time, in milliseconds. */
  avgWrapUpTimeMs?: number;
  /** Outbound calls that began. */
  outboundCalls?: number;
  /** Outbound calls that were answered. */
  outboundCallsAnswered?: number;
  /** Outbound calls that were given up before they were answered. */
  outboundCallsAbandoned?: number;
  /** Outbound calls that ended. */
  outboundCallsEnded?: number;
  /** Mean talk time of the outbound calls that ended, in milliseconds. */
  avgOutboundTalkTimeMs?: number;
}

/** ServiceLevel is the share of inbound calls that were answered within so many seconds. */
export interface ServiceLevel {
  /** seconds is the threshold. */
  seconds: number;
  /**
   * calls is how many calls were answered within it. Calls that do not tell their waiting time are not among them. A wait
   * within 1 % of the threshold may count on its other side.
   */
  calls: number;
  /** share is calls ÷ (calls_answered + calls_abandoned). Absent without any. */
  share?: number;
}

/** CallBreakdown holds the calls by the values of a dimension. */
export interface CallBreakdown {
  /** rows are the first values in order. */
  rows: CallRow[];
  /** rest is what the total has beside the rows and other. */
  rest?: CallFigures;
  /**
   * other is what values without figures of their own come to: those that were first seen after the organization's limit
   * of distinct values was reached. Unset where there are none, and with a filter, where it is a part of rest.
   */
  other?: CallFigures;
  /** distinct_values is how many values there are in the period. */
  distinctValues: number;
  /**
   * missing_pair is set, and all else is not, if there is a filter, and figures by its dimension and this one together
   * are not kept: the name of the pair that would have to be declared.
   */
  missingPair: string;
}

/** CallRow is a value with its figures. */
export interface CallRow {
  /** value is the value of the dimension. */
  value: string;
  /** display_name is what people call the agent, where that was told. */
  displayName: string;
  /** figures are those of the value. */
  figures?: CallFigures;
}

/** CallHour is an hour of the week, over all weeks of the period. */
export interface CallHour {
  /** weekday is 1 for Monday to 7 for Sunday. */
  weekday: number;
  /** hour is 0 to 23. */
  hour: number;
  /** Inbound calls that began. */
  callsOffered: number;
  /** Inbound calls that an agent took. */
  callsAnswered: number;
  /** Inbound calls whose caller hung up. */
  callsAbandoned: number;
  /** Mean waiting time of the calls answered that tell one, in milliseconds. */
  avgWaitMs?: number;
}

/** CallPoint is a point of the series. */
export interface CallPoint {
  /** start is the first instant of the point. */
  start?: Instant;
  /** end is the first instant after the point. */
  end?: Instant;
  /** figures are those of the point. */
  figures?: CallFigures;
  /**
   * partial is true if the point counts less than its whole hour, day or other width: since it is still running, since
   * there was no event yet, or since the period begins or ends within it.
   */
  partial: boolean;
}

/**
 * ConversationCohort says which conversations the outcomes of an answer are of.
 *
 * - `CLOSED`: Those that were closed in the period, whenever they began.
 * - `STARTED`: Those that began in the period, as they stand now.
 */
export type ConversationCohort =
  | "CLOSED"
  | "STARTED"
  | `UNKNOWN_${number}`;

/** GetConversationMetricsRequest asks how conversations went. */
export interface GetConversationMetricsRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * filter narrows the question to one value of agent, channel, team, topic or handoff_reason. Under another dimension
   * and under pairs all figures are absent. Unset: the whole organization.
   */
  filter?: Filter;
  /** cohort says which conversations the outcomes are of. Unset: those that were closed in the period. */
  cohort?: ConversationCohort;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top: number;
  /** durable_days is for how many days a resolution must hold to be durable: 1 to 90. Unset: 7. */
  durableDays: number;
  /**
   * repeat_days is within how many days of a close another conversation of the same user is a repeat contact: 1 to 90.
   * Unset: 7.
   */
  repeatDays: number;
  /**
   * comparison asks for the figures of an earlier period, too, and says with which one the changes compare. Unset: the
   * changes compare with the period of equal length just before.
   */
  comparison?: Comparison;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens: boolean;
}

/** GetConversationMetricsRequest asks how conversations went. */
export interface GetConversationMetricsRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * filter narrows the question to one value of agent, channel, team, topic or handoff_reason. Under another dimension
   * and under pairs all figures are absent. Unset: the whole organization.
   */
  filter?: FilterInit | undefined;
  /** cohort says which conversations the outcomes are of. Unset: those that were closed in the period. */
  cohort?: ConversationCohort | undefined;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity | undefined;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top?: number | undefined;
  /** durable_days is for how many days a resolution must hold to be durable: 1 to 90. Unset: 7. */
  durableDays?: number | undefined;
  /**
   * repeat_days is within how many days of a close another conversation of the same user is a repeat contact: 1 to 90.
   * Unset: 7.
   */
  repeatDays?: number | undefined;
  /**
   * comparison asks for the figures of an earlier period, too, and says with which one the changes compare. Unset: the
   * changes compare with the period of equal length just before.
   */
  comparison?: ComparisonInit | undefined;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens?: boolean | undefined;
}

/** GetConversationMetricsResponse says how conversations went. All of it is of one revision. */
export interface GetConversationMetricsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** cohort says which conversations the outcomes are of. */
  cohort?: ConversationCohort;
  /** figures are those of the period. */
  figures?: ConversationFigures;
  /**
   * open_conversations is how many conversations are open now, whenever they began. One that was handed over is open
   * until it is resolved, abandoned or ended.
   */
  openConversations?: number;
  /** durable_resolution says how many resolutions held. Unset where follow_ups_absence_reason is set. */
  durableResolution?: DurableResolution;
  /** repeat_contacts says how many conversations were followed by another one. Unset where durable_resolution is. */
  repeatContacts?: RepeatContacts;
  /** changes compare the period with the earlier one. */
  changes?: ConversationChanges;
  /**
   * duration_bins are the durations, in milliseconds, in bins of round bounds, from the shortest to the longest. A
   * duration within 1 % of a bound may count on its other side.
   */
  durationBins: DistributionBin[];
  /**
   * message_bins are the numbers of messages of a conversation in bins of round bounds. Numbers above 100 that are within
   * 1 % of a bound may count on its other side.
   */
  messageBins: DistributionBin[];
  /** by_channel are the channels with the most conversations. Unset with a filter, as are the other breakdowns. */
  byChannel?: ConversationBreakdown;
  /** by_topic are the topics with the most conversations. */
  byTopic?: ConversationBreakdown;
  /**
   * by_handoff_reason are the reasons for which most conversations were handed over. Conversations that were not handed
   * over, or for no reason that was told, are its rest.
   */
  byHandoffReason?: ConversationBreakdown;
  /**
   * hours_of_week are all 168 hours of the week of the time zone, from Monday 00:00 on. Empty where conversations are not
   * kept by the filter's dimension.
   */
  hoursOfWeek: HourOfWeek[];
  /** granularity is the one of the series. */
  granularity?: Granularity;
  /** series are the points of the period, oldest first, without gaps. */
  series: ConversationPoint[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier holds the figures of the earlier period. Unset without a comparison, and where compared has an
   * absence_reason.
   */
  earlier?: ConversationFigures;
  /**
   * follow_ups_absence_reason says why there is no durable_resolution and there are no repeat_contacts: conversations are
   * not kept by the filter's dimension (NOT_KEPT), or more than 300,000 of the cohort are closed (TOO_MANY), which are
   * looked at one by one. Unset: they are there.
   */
  followUpsAbsenceReason?: AbsenceReason;
  /**
   * rows_tokens open the rows behind figures, by the names of fields of ConversationFigures: where the request asks for them, and some list has such
   * rows. There are none of custom metrics, of numbers of agents and of figures that ListMetrics does not name, and none
   * that are absent.
   */
  rowsTokens: Record<string, RowsToken>;
}

/**
 * ConversationFigures says how the conversations of a cohort went. Rates divide by those of them that are closed; the
 * four rates of outcomes add up to 1. Figures without a denominator are absent.
 */
export interface ConversationFigures {
  /** Conversations that began in the period, of whichever cohort the outcomes are. */
  totalConversations?: number;
  /** Conversations of the cohort that are closed: the sum of the four outcomes. */
  conversationsClosed?: number;
  /** Those that the agent resolved alone. */
  conversationsResolved?: number;
  /** Those that a human took over. */
  conversationsEscalated?: number;
  /** Those that the user walked away from. */
  conversationsAbandoned?: number;
  /** Those that ended without another outcome. */
  conversationsEnded?: number;
  /** Resolved ÷ closed. */
  resolutionRate?: number;
  /** Escalated ÷ closed: the hand-off rate. */
  escalationRate?: number;
  /** Abandoned ÷ closed. */
  abandonmentRate?: number;
  /** Ended without another outcome ÷ closed. */
  endedRate?: number;
  /** Escalated conversations that a human has resolved since. */
  escalatedConversationsResolved?: number;
  /** escalated_conversations_resolved ÷ escalated. */
  humanResolutionRate?: number;
  /** Closed conversations that had been reopened before. */
  conversationsReopened?: number;
  /** Reopened ÷ closed. */
  reopenedRate?: number;
  /** Cost of all closed conversations ÷ those that the agent resolved alone, in millionths. */
  costPerResolvedConversationMicros?: number;
  /** Time from beginning to closing of closed conversations, in milliseconds. */
  durationMs?: ConversationDistribution;
  /** Messages of closed conversations. */
  messages?: ConversationDistribution;
  /**
   * Time from the beginning to the first message sent, in milliseconds, of conversations that began in the period and
   * have such a message, of whichever cohort the outcomes are.
   */
  firstResponseMs?: ConversationDistribution;
  /** As first_response_ms, to the first message of a human. */
  firstHumanResponseMs?: ConversationDistribution;
  /**
   * Time from the first hand-over to the first message of a human after it, in milliseconds, of closed conversations that
   * have one.
   */
  humanWaitMs?: ConversationDistribution;
  /**
   * Time from the beginning to the resolution by a human, in milliseconds, of conversations that a human resolved in the
   * period after a hand-over, of whichever cohort the outcomes are.
   */
  finalResolutionMs?: ConversationDistribution;
  /** Recorded cost of closed conversations, in millionths of the organization's currency; 0 for those without any. */
  costMicros?: ConversationDistribution;
  /** Tokens that models read and wrote for closed conversations; 0 for those without any. */
  tokens?: ConversationDistribution;
}

/** ConversationDistribution is how a number is distributed over conversations. Percentiles are at most 1 % off. */
export interface ConversationDistribution {
  /** Conversations that have the number. */
  count?: number;
  /** The numbers added up. */
  sum?: number;
  /** sum ÷ count. Absent without any, as are the percentiles. */
  mean?: number;
  /** Median. */
  p50?: number;
  /** 90th percentile. */
  p90?: number;
  /** 95th percentile. */
  p95?: number;
  /** 99th percentile. */
  p99?: number;
}

/**
 * DurableResolution says how many resolutions by the agent alone held for some days. A resolution that was taken back by a
 * reopening since is one of them, at the time when the conversation was closed, although the outcomes of the answer no
 * longer have it.
 */
export interface DurableResolution {
  /** Days for which a resolution must hold. */
  days: number;
  /** Resolutions that are at least so many days old: durable + reopened + followed. */
  mature?: number;
  /**
   * Those of them after which, within these days, the conversation was not reopened and its user began no other one on
   * the same topic. Where the conversation has no topic, any other one of the user counts.
   */
  durable?: number;
  /** Those of them whose conversation was reopened within these days. */
  reopened?: number;
  /**
   * Those of the others whose user began another conversation within these days, on the same topic if there is one. A
   * conversation without a user counts as not followed.
   */
  followed?: number;
  /** Resolutions that are younger than so many days. They are neither durable nor not. */
  notYetKnown?: number;
  /** durable ÷ mature. Absent without any. */
  durableResolutionRate?: number;
}

/** RepeatContacts says how many closed conversations were followed by another one of the same user, on any topic. */
export interface RepeatContacts {
  /** Days within which the other conversation began. */
  days: number;
  /** Closed conversations of the cohort that were closed at least so many days ago. */
  mature?: number;
  /**
   * Those of them whose user began another conversation within these days. A conversation without a user counts as not
   * followed.
   */
  followed?: number;
  /** Distinct users of the conversations that were followed. */
  users?: number;
  /** Closed conversations of the cohort that were closed more recently. They may still be followed. */
  notYetKnown?: number;
  /** followed ÷ mature. Absent without any. */
  repeatContactRate?: number;
}

/** ConversationChanges compare figures with the earlier period. */
export interface ConversationChanges {
  /** Conversations that began. */
  totalConversations?: Change;
  /** Closed conversations of the cohort. */
  conversationsClosed?: Change;
  /** Resolved conversations of the cohort. */
  conversationsResolved?: Change;
  /** Escalated conversations of the cohort. */
  conversationsEscalated?: Change;
  /** Abandoned conversations of the cohort. */
  conversationsAbandoned?: Change;
  /** Conversations of the cohort that ended without another outcome. */
  conversationsEnded?: Change;
}

/** DistributionBin is how many values lie between two bounds. */
export interface DistributionBin {
  /** lower is the least value of the bin. */
  lower: number;
  /** upper is the bound that the values of the bin are below. Unset: there is none. */
  upper?: number;
  /** count is how many values the bin has. */
  count: number;
}

/**
 * ConversationBreakdown splits the figures by the values of a dimension. For counts: rows + rest + other = the figures of
 * the period.
 */
export interface ConversationBreakdown {
  /**
   * rows are the values with the most conversations of the cohort, those with equally many by value. A value that no
   * conversation has in the period has no row.
   */
  rows: ConversationGroup[];
  /** rest is what the figures have beside rows and other: further values, and conversations without any value. */
  rest?: ConversationFigures;
  /**
   * other is what values without figures of their own come to: those that were first seen after the organization's limit
   * of distinct values was reached.
   */
  other?: ConversationFigures;
}

/** ConversationGroup is a row of a breakdown. */
export interface ConversationGroup {
  /** value is the value of the dimension, as in filters. */
  value: string;
  /** figures are those of the conversations with this value. */
  figures?: ConversationFigures;
}

/**
 * HourOfWeek is an hour of the week on the clock on the wall. An hour that the clocks skip counts nothing in that week, and
 * one that they repeat counts both times. Each number is counted when it happened, of whichever cohort the outcomes are.
 */
export interface HourOfWeek {
  /** weekday is the day: 1 is Monday, 7 is Sunday. */
  weekday: number;
  /** hour is the hour of the day: 0 to 23. */
  hour: number;
  /** Conversations that began in this hour. */
  started: number;
  /** Conversations that were closed in this hour. */
  closed: number;
  /** Closed conversations that a human took over, by the time of closing. */
  escalated: number;
}

/** ConversationPoint is a point of the series. */
export interface ConversationPoint {
  /** start is the first instant of the point. */
  start?: Instant;
  /** end is the first instant after it. */
  end?: Instant;
  /** figures are the counts and rates of the point; it has no distributions. */
  figures?: ConversationFigures;
  /**
   * partial is true if the point counts less than its whole hour, day or other width: since it is still running, since
   * the period or the organization's data begin within it, or since the period ends within it.
   */
  partial: boolean;
}

/**
 * StorageKind is what takes up storage.
 *
 * - `DOCUMENT`: Documents of the knowledge base.
 * - `UPLOAD`: Files that users uploaded.
 * - `BACKUP`: Backups.
 */
export type StorageKind =
  | "DOCUMENT"
  | "UPLOAD"
  | "BACKUP"
  | `UNKNOWN_${number}`;

/**
 * AgentStatus is the presence of a human agent.
 *
 * - `AVAILABLE`: Ready for work.
 * - `BUSY`: At work with somebody.
 * - `AWAY`: On a break.
 * - `OFFLINE`: Not at work.
 */
export type AgentStatus =
  | "AVAILABLE"
  | "BUSY"
  | "AWAY"
  | "OFFLINE"
  | `UNKNOWN_${number}`;

/**
 * AgentKind is what does the work under an agent_id.
 *
 * - `AI`: A machine: an AI agent or a bot.
 * - `HUMAN`: A human agent.
 */
export type AgentKind =
  | "AI"
  | "HUMAN"
  | `UNKNOWN_${number}`;

/**
 * CallDirection says who called whom.
 *
 * - `INBOUND`: A user called the organization.
 * - `OUTBOUND`: The organization called a user.
 */
export type CallDirection =
  | "INBOUND"
  | "OUTBOUND"
  | `UNKNOWN_${number}`;

/**
 * Event is something that happened: a message was sent, a call ended, a workflow ran. Its identity is (organization,
 * event_id). The organization comes from the credential alone.
 */
export interface Event {
  /**
   * event_id is made by the client and kept across retries: the service counts the same id once, for ever. 1 to 128
   * visible ASCII characters; UUIDv7 is recommended and the fastest. The same id with other content is refused
   * (EVENT_ID_CONFLICT). Placeholders such as "0", "-1", "null", "none", "undefined", "nan", "true", "[object Object]"
   * and the nil UUID are refused (PLACEHOLDER_ID). Unset: the server makes an id and returns it; sending the event
   * again then counts it again.
   */
  eventId: string;
  /**
   * event_type says what happened, in the past tense and dotted: "message.sent". 1 to 64 characters of [a-z0-9_] in
   * dot-separated parts. Required. The service stores an event whose type it does not know, and counts it as a custom
   * event.
   */
  eventType: string;
  /**
   * occurred_at is when the event happened. Unset: the time at which the server received the event, with the warning
   * TIME_DEFAULTED. At most 35 days ago (EVENT_TOO_OLD) unless the credential has the scope backfill; never before
   * 1980-01-01T00:00:00Z; at most 1 hour ahead (EVENT_IN_FUTURE). Kept in microseconds.
   */
  occurredAt?: Instant;
  /**
   * agent_id is who did the work: an AI agent, a bot or a human agent.
   *
   * agent_id and the ids below have at most 256 bytes each. A placeholder in one of them (see event_id; also blanks)
   * counts as unset, with the warning PLACEHOLDER_ID.
   *
   * An organization has a limit of distinct values of each dimension, such as agents, with figures of their own:
   * 10,000 agents and 1,000 of each other, unless the operator chose otherwise. A value that is first seen beyond the
   * limit is counted under "_other" for good, with the warning CARDINALITY_OVERFLOW; so is the value "_other" itself.
   * Totals and the number of distinct agents stay exact.
   */
  agentId: string;
  /**
   * user_id is who was served. An e-mail address, however it is written ("Ann Lee <ann\@example.org>", percent-encoded
   * …), is replaced by a keyed hash before it is stored.
   */
  userId: string;
  /** conversation_id groups the events of one conversation. Required for events of type conversation.*. */
  conversationId: string;
  /** channel is where the event happened: "web", "whatsapp", "phone". */
  channel: string;
  /** team_id is the team that the agent worked for. */
  teamId: string;
  /** campaign_id is the campaign that the event belongs to. */
  campaignId: string;
  /** resource_type is the kind of thing that the event is about, for example "document". */
  resourceType: string;
  /** resource_id says which thing of that kind. */
  resourceId: string;
  /**
   * properties are free: at most 100 keys of 1 to 256 bytes that are not blank (INVALID_VALUE), texts of at most 32
   * KiB, at most 8 levels deep, at most 16 KiB in all as JSON, as they were sent. Values under keys that name secrets
   * (userPassword, x-api-key, card_number …) are replaced before they are stored, with the warning REDACTED; true,
   * false and null are kept. Whole numbers from 2^53 on get the warning PRECISION: send them as text.
   */
  properties?: JsonObject;
  /**
   * detail carries the numbers of the event. Its kind must be that of the event type's family (DETAIL_MISMATCH); custom
   * event types may carry any kind. Every number is from 0 to 10^12 unless its field says otherwise
   * (VALUE_OUT_OF_RANGE). Unset means unknown.
   */
  detail?:
    /** For conversation.started, .ended, .resolved, .escalated, .abandoned, .reopened. */
    | { case: "conversation"; value: ConversationDetail }
    /** For message.received, message.sent and model.called. */
    | { case: "message"; value: MessageDetail }
    /** For feedback.submitted. */
    | { case: "feedback"; value: FeedbackDetail }
    /** For quality.scored. */
    | { case: "quality"; value: QualityDetail }
    /** For content_gap.found. */
    | { case: "contentGap"; value: ContentGapDetail }
    /** For document.uploaded, document.deleted, search.performed, knowledge.retrieved, citation.clicked. */
    | { case: "knowledge"; value: KnowledgeDetail }
    /** For agent.created, .updated, .deleted, .deployed and agent.status_changed. */
    | { case: "agent"; value: AgentDetail }
    /** For call.started, .answered, .ended, .abandoned. */
    | { case: "call"; value: CallDetail }
    /** For lead.created, .contacted, .stage_entered, .converted, .lost. */
    | { case: "lead"; value: LeadDetail }
    /** For campaign.started, .ended and campaign.cost_recorded. */
    | { case: "campaign"; value: CampaignDetail }
    /** For task.created, task.completed, badge.earned, points.awarded. */
    | { case: "task"; value: TaskDetail }
    /** For workflow.created, .executed, .failed. */
    | { case: "workflow"; value: WorkflowDetail }
    /** For user.registered, .invited, .logged_in, .logged_out. */
    | { case: "user"; value: UserDetail }
    /** For subscription.created, payment.succeeded, payment.failed. */
    | { case: "billing"; value: BillingDetail }
    /** For api.called. */
    | { case: "api"; value: ApiDetail }
    /** For storage.changed. */
    | { case: "storage"; value: StorageDetail };
}

/**
 * Event is something that happened: a message was sent, a call ended, a workflow ran. Its identity is (organization,
 * event_id). The organization comes from the credential alone.
 */
export interface EventInit {
  /**
   * event_id is made by the client and kept across retries: the service counts the same id once, for ever. 1 to 128
   * visible ASCII characters; UUIDv7 is recommended and the fastest. The same id with other content is refused
   * (EVENT_ID_CONFLICT). Placeholders such as "0", "-1", "null", "none", "undefined", "nan", "true", "[object Object]"
   * and the nil UUID are refused (PLACEHOLDER_ID). Unset: the server makes an id and returns it; sending the event
   * again then counts it again.
   */
  eventId?: string | undefined;
  /**
   * event_type says what happened, in the past tense and dotted: "message.sent". 1 to 64 characters of [a-z0-9_] in
   * dot-separated parts. Required. The service stores an event whose type it does not know, and counts it as a custom
   * event.
   */
  eventType?: string | undefined;
  /**
   * occurred_at is when the event happened. Unset: the time at which the server received the event, with the warning
   * TIME_DEFAULTED. At most 35 days ago (EVENT_TOO_OLD) unless the credential has the scope backfill; never before
   * 1980-01-01T00:00:00Z; at most 1 hour ahead (EVENT_IN_FUTURE). Kept in microseconds.
   */
  occurredAt?: InstantInit | undefined;
  /**
   * agent_id is who did the work: an AI agent, a bot or a human agent.
   *
   * agent_id and the ids below have at most 256 bytes each. A placeholder in one of them (see event_id; also blanks)
   * counts as unset, with the warning PLACEHOLDER_ID.
   *
   * An organization has a limit of distinct values of each dimension, such as agents, with figures of their own:
   * 10,000 agents and 1,000 of each other, unless the operator chose otherwise. A value that is first seen beyond the
   * limit is counted under "_other" for good, with the warning CARDINALITY_OVERFLOW; so is the value "_other" itself.
   * Totals and the number of distinct agents stay exact.
   */
  agentId?: string | undefined;
  /**
   * user_id is who was served. An e-mail address, however it is written ("Ann Lee <ann\@example.org>", percent-encoded
   * …), is replaced by a keyed hash before it is stored.
   */
  userId?: string | undefined;
  /** conversation_id groups the events of one conversation. Required for events of type conversation.*. */
  conversationId?: string | undefined;
  /** channel is where the event happened: "web", "whatsapp", "phone". */
  channel?: string | undefined;
  /** team_id is the team that the agent worked for. */
  teamId?: string | undefined;
  /** campaign_id is the campaign that the event belongs to. */
  campaignId?: string | undefined;
  /** resource_type is the kind of thing that the event is about, for example "document". */
  resourceType?: string | undefined;
  /** resource_id says which thing of that kind. */
  resourceId?: string | undefined;
  /**
   * properties are free: at most 100 keys of 1 to 256 bytes that are not blank (INVALID_VALUE), texts of at most 32
   * KiB, at most 8 levels deep, at most 16 KiB in all as JSON, as they were sent. Values under keys that name secrets
   * (userPassword, x-api-key, card_number …) are replaced before they are stored, with the warning REDACTED; true,
   * false and null are kept. Whole numbers from 2^53 on get the warning PRECISION: send them as text.
   */
  properties?: Properties | undefined;
  /**
   * detail carries the numbers of the event. Its kind must be that of the event type's family (DETAIL_MISMATCH); custom
   * event types may carry any kind. Every number is from 0 to 10^12 unless its field says otherwise
   * (VALUE_OUT_OF_RANGE). Unset means unknown.
   */
  detail?:
    /** For conversation.started, .ended, .resolved, .escalated, .abandoned, .reopened. */
    | { case: "conversation"; value: ConversationDetailInit }
    /** For message.received, message.sent and model.called. */
    | { case: "message"; value: MessageDetailInit }
    /** For feedback.submitted. */
    | { case: "feedback"; value: FeedbackDetailInit }
    /** For quality.scored. */
    | { case: "quality"; value: QualityDetailInit }
    /** For content_gap.found. */
    | { case: "contentGap"; value: ContentGapDetailInit }
    /** For document.uploaded, document.deleted, search.performed, knowledge.retrieved, citation.clicked. */
    | { case: "knowledge"; value: KnowledgeDetailInit }
    /** For agent.created, .updated, .deleted, .deployed and agent.status_changed. */
    | { case: "agent"; value: AgentDetailInit }
    /** For call.started, .answered, .ended, .abandoned. */
    | { case: "call"; value: CallDetailInit }
    /** For lead.created, .contacted, .stage_entered, .converted, .lost. */
    | { case: "lead"; value: LeadDetailInit }
    /** For campaign.started, .ended and campaign.cost_recorded. */
    | { case: "campaign"; value: CampaignDetailInit }
    /** For task.created, task.completed, badge.earned, points.awarded. */
    | { case: "task"; value: TaskDetailInit }
    /** For workflow.created, .executed, .failed. */
    | { case: "workflow"; value: WorkflowDetailInit }
    /** For user.registered, .invited, .logged_in, .logged_out. */
    | { case: "user"; value: UserDetailInit }
    /** For subscription.created, payment.succeeded, payment.failed. */
    | { case: "billing"; value: BillingDetailInit }
    /** For api.called. */
    | { case: "api"; value: ApiDetailInit }
    /** For storage.changed. */
    | { case: "storage"; value: StorageDetailInit }
    | undefined;
}

/**
 * ConversationDetail says how a conversation went. A closed conversation has exactly one outcome, in whatever order its
 * events arrive. Of the closing events that occurred after the last conversation.reopened, the earliest says when the
 * conversation was closed; the highest of escalated > resolved > abandoned > ended says how, and by which agent. An
 * escalated conversation is closed for its agent and stays open until a later resolved, abandoned or ended.
 */
export interface ConversationDetail {
  /**
   * outcome is the sender's own word for how the conversation ended, for example "refund granted". At most 256 bytes.
   * Stored.
   */
  outcome?: string;
  /** handoff_reason is why a human took over. At most 256 bytes. Stored. */
  handoffReason?: string;
  /**
   * topic is what the conversation is about, in the sender's own words, for example "returns". At most 256 bytes.
   * Stored.
   */
  topic?: string;
}

/**
 * ConversationDetail says how a conversation went. A closed conversation has exactly one outcome, in whatever order its
 * events arrive. Of the closing events that occurred after the last conversation.reopened, the earliest says when the
 * conversation was closed; the highest of escalated > resolved > abandoned > ended says how, and by which agent. An
 * escalated conversation is closed for its agent and stays open until a later resolved, abandoned or ended.
 */
export interface ConversationDetailInit {
  /**
   * outcome is the sender's own word for how the conversation ended, for example "refund granted". At most 256 bytes.
   * Stored.
   */
  outcome?: string | undefined;
  /** handoff_reason is why a human took over. At most 256 bytes. Stored. */
  handoffReason?: string | undefined;
  /**
   * topic is what the conversation is about, in the sender's own words, for example "returns". At most 256 bytes.
   * Stored.
   */
  topic?: string | undefined;
}

/**
 * MessageDetail carries the numbers of one message, or of a turn of a model that is no message (model.called): its
 * tokens and cost count as those of messages do.
 */
export interface MessageDetail {
  /** response_time_ms is how long the agent took to answer, in milliseconds, at most 10^10, on message.sent. */
  responseTimeMs?: number;
  /** prompt_tokens is the number of tokens read by the model, at most 10^9. */
  promptTokens?: number;
  /** completion_tokens is the number of tokens written by the model, at most 10^9. */
  completionTokens?: number;
  /** model is the model's name. At most 256 bytes. Stored. */
  model?: string;
  /** cost_micros is what the message cost, in millionths of the organization's currency, at most 10^10. */
  costMicros?: number;
  /** failed is true when the agent could not answer. */
  failed?: boolean;
  /** error_code says how the message failed. At most 256 bytes. Stored. */
  errorCode?: string;
  /** fallback is true when the agent answered with a stock phrase because it did not understand. */
  fallback?: boolean;
  /** knowledge_hit is true when the agent found the answer in the organization's own knowledge. */
  knowledgeHit?: boolean;
  /**
   * cached_tokens is the number of those prompt_tokens that the model's provider took from its cache, at most 10^9. It
   * is part of prompt_tokens and never added to them.
   */
  cachedTokens?: number;
  /**
   * time_to_first_token_ms is how long the user waited for the first piece of the answer, in milliseconds, at most
   * 10^10, on message.sent. response_time_ms is how long until the whole of it.
   */
  timeToFirstTokenMs?: number;
  /**
   * by_human is true when a human wrote the message, on message.sent, and false when a machine did. Unset: the kind of
   * the agent says it, as far as it was told before the message or with it. So tell an agent's kind first.
   */
  byHuman?: boolean;
}

/**
 * MessageDetail carries the numbers of one message, or of a turn of a model that is no message (model.called): its
 * tokens and cost count as those of messages do.
 */
export interface MessageDetailInit {
  /** response_time_ms is how long the agent took to answer, in milliseconds, at most 10^10, on message.sent. */
  responseTimeMs?: number | bigint | undefined;
  /** prompt_tokens is the number of tokens read by the model, at most 10^9. */
  promptTokens?: number | bigint | undefined;
  /** completion_tokens is the number of tokens written by the model, at most 10^9. */
  completionTokens?: number | bigint | undefined;
  /** model is the model's name. At most 256 bytes. Stored. */
  model?: string | undefined;
  /** cost_micros is what the message cost, in millionths of the organization's currency, at most 10^10. */
  costMicros?: number | bigint | undefined;
  /** failed is true when the agent could not answer. */
  failed?: boolean | undefined;
  /** error_code says how the message failed. At most 256 bytes. Stored. */
  errorCode?: string | undefined;
  /** fallback is true when the agent answered with a stock phrase because it did not understand. */
  fallback?: boolean | undefined;
  /** knowledge_hit is true when the agent found the answer in the organization's own knowledge. */
  knowledgeHit?: boolean | undefined;
  /**
   * cached_tokens is the number of those prompt_tokens that the model's provider took from its cache, at most 10^9. It
   * is part of prompt_tokens and never added to them.
   */
  cachedTokens?: number | bigint | undefined;
  /**
   * time_to_first_token_ms is how long the user waited for the first piece of the answer, in milliseconds, at most
   * 10^10, on message.sent. response_time_ms is how long until the whole of it.
   */
  timeToFirstTokenMs?: number | bigint | undefined;
  /**
   * by_human is true when a human wrote the message, on message.sent, and false when a machine did. Unset: the kind of
   * the agent says it, as far as it was told before the message or with it. So tell an agent's kind first.
   */
  byHuman?: boolean | undefined;
}

/** FeedbackDetail is what a user thought of a conversation. */
export interface FeedbackDetail {
  /** rating is from 1 (worst) to 5 (best). */
  rating?: number;
  /** comment_length is the number of characters of the comment, at most 10^9. The comment itself is not sent. */
  commentLength?: number;
}

/** FeedbackDetail is what a user thought of a conversation. */
export interface FeedbackDetailInit {
  /** rating is from 1 (worst) to 5 (best). */
  rating?: number | undefined;
  /** comment_length is the number of characters of the comment, at most 10^9. The comment itself is not sent. */
  commentLength?: number | undefined;
}

/** QualityDetail is a review of a conversation. Scores are in ten-thousandths: 10000 is perfect. */
export interface QualityDetail {
  /** overall is the score as a whole, 0 to 10000. */
  overall?: number;
  /** helpfulness is the score for helpfulness, 0 to 10000. */
  helpfulness?: number;
  /** accuracy is the score for accuracy, 0 to 10000. */
  accuracy?: number;
  /** politeness is the score for politeness, 0 to 10000. */
  politeness?: number;
  /** scorer is who or what scored. At most 256 bytes. */
  scorer?: string;
  /**
   * rubric_version says by which rules the conversation was scored; scores of different versions are never mixed. At
   * most 256 bytes. Unset: scores count for "unspecified".
   */
  rubricVersion?: string;
  /**
   * topic is what the conversation was about, in the sender's own words. The review counts for it; the topic of the
   * conversation is the one that its own events tell. At most 256 bytes.
   */
  topic?: string;
}

/** QualityDetail is a review of a conversation. Scores are in ten-thousandths: 10000 is perfect. */
export interface QualityDetailInit {
  /** overall is the score as a whole, 0 to 10000. */
  overall?: number | undefined;
  /** helpfulness is the score for helpfulness, 0 to 10000. */
  helpfulness?: number | undefined;
  /** accuracy is the score for accuracy, 0 to 10000. */
  accuracy?: number | undefined;
  /** politeness is the score for politeness, 0 to 10000. */
  politeness?: number | undefined;
  /** scorer is who or what scored. At most 256 bytes. */
  scorer?: string | undefined;
  /**
   * rubric_version says by which rules the conversation was scored; scores of different versions are never mixed. At
   * most 256 bytes. Unset: scores count for "unspecified".
   */
  rubricVersion?: string | undefined;
  /**
   * topic is what the conversation was about, in the sender's own words. The review counts for it; the topic of the
   * conversation is the one that its own events tell. At most 256 bytes.
   */
  topic?: string | undefined;
}

/** ContentGapDetail is a question that the agent's knowledge did not answer. */
export interface ContentGapDetail {
  /**
   * topic is what the question was about, in the sender's own words. The content gap counts for it; the topic of a
   * conversation is the one that its own events tell. At most 256 bytes.
   */
  topic?: string;
  /** question is an example of the question in the user's words. At most 1,024 bytes. */
  question?: string;
  /** confidence is how sure the detector is, in ten-thousandths, 0 to 10000. */
  confidence?: number;
}

/** ContentGapDetail is a question that the agent's knowledge did not answer. */
export interface ContentGapDetailInit {
  /**
   * topic is what the question was about, in the sender's own words. The content gap counts for it; the topic of a
   * conversation is the one that its own events tell. At most 256 bytes.
   */
  topic?: string | undefined;
  /** question is an example of the question in the user's words. At most 1,024 bytes. */
  question?: string | undefined;
  /** confidence is how sure the detector is, in ten-thousandths, 0 to 10000. */
  confidence?: number | undefined;
}

/** KnowledgeDetail is about a document, a search or a citation. */
export interface KnowledgeDetail {
  /** bytes is the size of the document. */
  bytes?: number;
  /** kind is the kind of storage that the document takes up. */
  kind?: StorageKind;
  /** hits is the number of results found. */
  hits?: number;
}

/** KnowledgeDetail is about a document, a search or a citation. */
export interface KnowledgeDetailInit {
  /** bytes is the size of the document. */
  bytes?: number | bigint | undefined;
  /** kind is the kind of storage that the document takes up. */
  kind?: StorageKind | undefined;
  /** hits is the number of results found. */
  hits?: number | bigint | undefined;
}

/** AgentDetail is about the agent itself; agent_id of the event says which one. */
export interface AgentDetail {
  /**
   * status is the agent's presence from this instant on: until the next status, or until nothing was heard of the agent
   * for the organization's presence_timeout (12 hours unless set). Required on agent.status_changed.
   */
  status?: AgentStatus;
  /** name is what people call the agent, on agent.created and agent.updated. At most 256 bytes. Stored. */
  name?: string;
  /** kind says whether the agent is a machine or a human, on agent.created and agent.updated. */
  kind?: AgentKind;
  /**
   * version is the release of the agent that is at work from this instant on, for example "2026.3", on agent.created,
   * agent.updated and agent.deployed. At most 256 bytes. Stored.
   */
  version?: string;
}

/** AgentDetail is about the agent itself; agent_id of the event says which one. */
export interface AgentDetailInit {
  /**
   * status is the agent's presence from this instant on: until the next status, or until nothing was heard of the agent
   * for the organization's presence_timeout (12 hours unless set). Required on agent.status_changed.
   */
  status?: AgentStatus | undefined;
  /** name is what people call the agent, on agent.created and agent.updated. At most 256 bytes. Stored. */
  name?: string | undefined;
  /** kind says whether the agent is a machine or a human, on agent.created and agent.updated. */
  kind?: AgentKind | undefined;
  /**
   * version is the release of the agent that is at work from this instant on, for example "2026.3", on agent.created,
   * agent.updated and agent.deployed. At most 256 bytes. Stored.
   */
  version?: string | undefined;
}

/** CallDetail carries what is known of a telephone call. Durations are in milliseconds, each at most 10^10. */
export interface CallDetail {
  /** wait_ms is how long the caller waited, on call.answered and call.abandoned. */
  waitMs?: number;
  /** talk_ms is how long caller and agent talked, on call.ended. */
  talkMs?: number;
  /** hold_ms is how long the caller was on hold, on call.ended. */
  holdMs?: number;
  /** wrap_up_ms is how long the agent worked on the call after it, on call.ended. */
  wrapUpMs?: number;
  /** direction says who called whom, on every event of the call. */
  direction?: CallDirection;
  /**
   * queue is where the caller waited for an agent, for example "billing", on every event of the call. At most 256
   * bytes. Stored.
   */
  queue?: string;
}

/** CallDetail carries what is known of a telephone call. Durations are in milliseconds, each at most 10^10. */
export interface CallDetailInit {
  /** wait_ms is how long the caller waited, on call.answered and call.abandoned. */
  waitMs?: number | bigint | undefined;
  /** talk_ms is how long caller and agent talked, on call.ended. */
  talkMs?: number | bigint | undefined;
  /** hold_ms is how long the caller was on hold, on call.ended. */
  holdMs?: number | bigint | undefined;
  /** wrap_up_ms is how long the agent worked on the call after it, on call.ended. */
  wrapUpMs?: number | bigint | undefined;
  /** direction says who called whom, on every event of the call. */
  direction?: CallDirection | undefined;
  /**
   * queue is where the caller waited for an agent, for example "billing", on every event of the call. At most 256
   * bytes. Stored.
   */
  queue?: string | undefined;
}

/** LeadDetail is about a possible customer. */
export interface LeadDetail {
  /** stage is the stage of the funnel that the lead entered. At most 256 bytes. */
  stage?: string;
  /** value_micros is what the lead is worth, in millionths of currency, at most 10^15. */
  valueMicros?: number;
  /**
   * currency is the ISO 4217 code, three capital letters. Unset: the amount counts for ISO 4217's code of no currency.
   */
  currency?: string;
  /**
   * lead_id says which lead. At most 256 bytes. A placeholder (see event_id) is refused (PLACEHOLDER_ID), because it
   * would make one lead of many. Unset or empty: resource_id of the event says which lead.
   */
  leadId?: string;
}

/** LeadDetail is about a possible customer. */
export interface LeadDetailInit {
  /** stage is the stage of the funnel that the lead entered. At most 256 bytes. */
  stage?: string | undefined;
  /** value_micros is what the lead is worth, in millionths of currency, at most 10^15. */
  valueMicros?: number | bigint | undefined;
  /**
   * currency is the ISO 4217 code, three capital letters. Unset: the amount counts for ISO 4217's code of no currency.
   */
  currency?: string | undefined;
  /**
   * lead_id says which lead. At most 256 bytes. A placeholder (see event_id) is refused (PLACEHOLDER_ID), because it
   * would make one lead of many. Unset or empty: resource_id of the event says which lead.
   */
  leadId?: string | undefined;
}

/** CampaignDetail is about a campaign; campaign_id of the event says which one. */
export interface CampaignDetail {
  /** cost_micros is what was spent, in millionths of currency, at most 10^15, on campaign.cost_recorded. */
  costMicros?: number;
  /**
   * currency is the ISO 4217 code, three capital letters. Unset: the amount counts for ISO 4217's code of no currency.
   */
  currency?: string;
  /** name is what people call the campaign. At most 256 bytes. Stored. */
  name?: string;
}

/** CampaignDetail is about a campaign; campaign_id of the event says which one. */
export interface CampaignDetailInit {
  /** cost_micros is what was spent, in millionths of currency, at most 10^15, on campaign.cost_recorded. */
  costMicros?: number | bigint | undefined;
  /**
   * currency is the ISO 4217 code, three capital letters. Unset: the amount counts for ISO 4217's code of no currency.
   */
  currency?: string | undefined;
  /** name is what people call the campaign. At most 256 bytes. Stored. */
  name?: string | undefined;
}

/** TaskDetail is about tasks and games. */
export interface TaskDetail {
  /**
   * points is the number of points awarded, on any of these events: tell points that are awarded for a task or a badge
   * once, with it or by points.awarded.
   */
  points?: number;
  /** badge says which badge was earned, for example "first-hundred", on badge.earned. At most 256 bytes. Stored. */
  badge?: string;
}

/** TaskDetail is about tasks and games. */
export interface TaskDetailInit {
  /**
   * points is the number of points awarded, on any of these events: tell points that are awarded for a task or a badge
   * once, with it or by points.awarded.
   */
  points?: number | bigint | undefined;
  /** badge says which badge was earned, for example "first-hundred", on badge.earned. At most 256 bytes. Stored. */
  badge?: string | undefined;
}

/** WorkflowDetail is about one run of a workflow. */
export interface WorkflowDetail {
  /** duration_ms is how long the workflow ran, in milliseconds. */
  durationMs?: number;
}

/** WorkflowDetail is about one run of a workflow. */
export interface WorkflowDetailInit {
  /** duration_ms is how long the workflow ran, in milliseconds. */
  durationMs?: number | bigint | undefined;
}

/** UserDetail is about a user's account. */
export interface UserDetail {
  /** ip is the user's address. Kept only if the organization allows it. */
  ip?: string;
  /** user_agent is the user's browser. At most 1,024 bytes. Kept only if the organization allows it. */
  userAgent?: string;
  /** name is what people call the user. At most 256 bytes. Kept only if the organization allows it. */
  name?: string;
}

/** UserDetail is about a user's account. */
export interface UserDetailInit {
  /** ip is the user's address. Kept only if the organization allows it. */
  ip?: string | undefined;
  /** user_agent is the user's browser. At most 1,024 bytes. Kept only if the organization allows it. */
  userAgent?: string | undefined;
  /** name is what people call the user. At most 256 bytes. Kept only if the organization allows it. */
  name?: string | undefined;
}

/** BillingDetail is about a payment. */
export interface BillingDetail {
  /** amount_micros is the amount in millionths of currency, at most 10^15. */
  amountMicros?: number;
  /**
   * currency is the ISO 4217 code, three capital letters. Unset: the amount counts for ISO 4217's code of no currency.
   */
  currency?: string;
}

/** BillingDetail is about a payment. */
export interface BillingDetailInit {
  /** amount_micros is the amount in millionths of currency, at most 10^15. */
  amountMicros?: number | bigint | undefined;
  /**
   * currency is the ISO 4217 code, three capital letters. Unset: the amount counts for ISO 4217's code of no currency.
   */
  currency?: string | undefined;
}

/** ApiDetail is about one call of an API or a tool. */
export interface ApiDetail {
  /** endpoint is the route's template, not the path: "/orders/\{id\}". At most 256 bytes. */
  endpoint?: string;
  /** method is the verb: "GET". At most 32 bytes. */
  method?: string;
  /** status_code is the HTTP or application status, 0 to 999. */
  statusCode?: number;
  /** latency_ms is how long the call took, in milliseconds. */
  latencyMs?: number;
  /** request_bytes is the size of the request, at most 10^10. */
  requestBytes?: number;
  /** response_bytes is the size of the response, at most 10^10. */
  responseBytes?: number;
}

/** ApiDetail is about one call of an API or a tool. */
export interface ApiDetailInit {
  /** endpoint is the route's template, not the path: "/orders/\{id\}". At most 256 bytes. */
  endpoint?: string | undefined;
  /** method is the verb: "GET". At most 32 bytes. */
  method?: string | undefined;
  /** status_code is the HTTP or application status, 0 to 999. */
  statusCode?: number | undefined;
  /** latency_ms is how long the call took, in milliseconds. */
  latencyMs?: number | bigint | undefined;
  /** request_bytes is the size of the request, at most 10^10. */
  requestBytes?: number | bigint | undefined;
  /** response_bytes is the size of the response, at most 10^10. */
  responseBytes?: number | bigint | undefined;
}

/** StorageDetail is a change of the storage in use. */
export interface StorageDetail {
  /**
   * bytes_delta is how many bytes were added; negative when they were freed; −10^12 to 10^12. Required on
   * storage.changed.
   */
  bytesDelta?: number;
  /** kind is what takes up these bytes. */
  kind?: StorageKind;
}

/** StorageDetail is a change of the storage in use. */
export interface StorageDetailInit {
  /**
   * bytes_delta is how many bytes were added; negative when they were freed; −10^12 to 10^12. Required on
   * storage.changed.
   */
  bytesDelta?: number | bigint | undefined;
  /** kind is what takes up these bytes. */
  kind?: StorageKind | undefined;
}

/** GetQualityRequest asks how conversations were scored. */
export interface GetQualityRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * filter narrows the question to one agent, topic or scorer, or to a value of a dimension of which the organization has
   * declared the pair with the rubric. Unset: the whole organization.
   */
  filter?: Filter;
  /**
   * rubric_version narrows the question to one version of the rubric. At most 256 bytes. Unset: each of the ten with the
   * most reviews by itself.
   */
  rubricVersion: string;
  /** threshold is the score below which a review counts as poor, from 0 to 1. Unset: 0.7. */
  threshold?: number;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top: number;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
}

/** GetQualityRequest asks how conversations were scored. */
export interface GetQualityRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * filter narrows the question to one agent, topic or scorer, or to a value of a dimension of which the organization has
   * declared the pair with the rubric. Unset: the whole organization.
   */
  filter?: FilterInit | undefined;
  /**
   * rubric_version narrows the question to one version of the rubric. At most 256 bytes. Unset: each of the ten with the
   * most reviews by itself.
   */
  rubricVersion?: string | undefined;
  /** threshold is the score below which a review counts as poor, from 0 to 1. Unset: 0.7. */
  threshold?: number | undefined;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points.
   */
  granularity?: Granularity | undefined;
  /** top is the most rows of each breakdown: 1 to 100. Unset: 10. */
  top?: number | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
}

/**
 * GetQualityResponse says how conversations were scored. All of it is of one revision. Scores of different versions of a
 * rubric are never mixed.
 */
export interface GetQualityResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** rubrics are the versions of rubrics by which conversations were scored, the one with the most reviews first. */
  rubrics: RubricQuality[];
  /** distinct_rubrics is how many versions there are in the period, of those that the question is about. */
  distinctRubrics: number;
  /** quality_reviews is the number of reviews by any rubric, and by none. */
  qualityReviews: number;
  /**
   * conversations_closed is the number of conversations closed in the period. Unset where conversations are not kept by
   * the filter's dimension.
   */
  conversationsClosed?: number;
  /**
   * coverage is quality_reviews ÷ conversations_closed. A conversation that is scored twice has two reviews. Absent
   * without closed conversations.
   */
  coverage?: number;
  /** threshold is the score below which a review counts as poor. */
  threshold: number;
  /** granularity is the one of the series. */
  granularity?: Granularity;
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
}

/** RubricQuality says how conversations were scored by one version of a rubric. */
export interface RubricQuality {
  /** rubric_version is the version; "unspecified" for reviews that tell none. */
  rubricVersion: string;
  /** figures are those of the period. */
  figures?: QualityFigures;
  /** by_agent are the agents with the most reviews. Unset with a filter, as are the other breakdowns. */
  byAgent?: QualityBreakdown;
  /** by_topic are the topics with the most reviews. */
  byTopic?: QualityBreakdown;
  /** by_scorer are the scorers with the most reviews. */
  byScorer?: QualityBreakdown;
  /** series are the points of the period, oldest first, without gaps. */
  series: QualityPoint[];
  /**
   * earlier holds the figures of the earlier period. Unset without a comparison, and where compared has an
   * absence_reason.
   */
  earlier?: QualityFigures;
}

/** QualityFigures are the scores of reviews. */
export interface QualityFigures {
  /** Reviews. */
  qualityReviews: number;
  /** overall is the score as a whole. */
  overall?: QualityScore;
  /** helpfulness is the score for helpfulness. */
  helpfulness?: QualityScore;
  /** accuracy is the score for accuracy. */
  accuracy?: QualityScore;
  /** politeness is the score for politeness. */
  politeness?: QualityScore;
}

/** QualityScore is how a score is distributed over the reviews that have it. Scores are from 0 to 1. */
export interface QualityScore {
  /** Reviews that have the score. */
  reviews: number;
  /** mean is exact. Absent without reviews. */
  mean?: number;
  /** median is at most 1 % off. Absent without reviews. */
  median?: number;
  /**
   * poor_share is the share of these reviews below the threshold. A score within 1 % of it may count on its other side.
   */
  poorShare?: number;
  /**
   * tenths are the reviews with a score from 0 to 0.1, from 0.1 to 0.2, … and from 0.9 to 1, ten numbers. A score within
   * 1 % of a bound may count on its other side. Empty without reviews.
   */
  tenths: number[];
}

/** QualityBreakdown holds the scores by the values of a dimension. */
export interface QualityBreakdown {
  /** rows are the first values in order. */
  rows: QualityRow[];
  /** rest is what the total has beside the rows and other. */
  rest?: QualityFigures;
  /** other is what values without figures of their own come to. Unset where there are none. */
  other?: QualityFigures;
  /** distinct_values is how many values there are in the period. */
  distinctValues: number;
}

/** QualityRow is a value with its scores. */
export interface QualityRow {
  /** value is the value of the dimension. */
  value: string;
  /** display_name is what people call the agent, where that was told. */
  displayName: string;
  /** figures are those of the value. */
  figures?: QualityFigures;
}

/** QualityPoint is a point of the series. */
export interface QualityPoint {
  /** start is the first instant of the point. */
  start?: Instant;
  /** end is the first instant after the point. */
  end?: Instant;
  /** Reviews. */
  qualityReviews: number;
  /** Mean score as a whole. Absent without reviews. */
  avgQualityOverall?: number;
  /**
   * partial is true if the point counts less than its whole hour, day or other width: since it is still running, since
   * there was no event yet, or since the period begins or ends within it.
   */
  partial: boolean;
}

/**
 * PartialBucket says why a bucket is not whole.
 *
 * - `RUNNING`: It has not ended, or not even begun, at as_of_time.
 * - `CUT`: The period begins or ends within it.
 * - `BEFORE_FIRST_EVENT`: It begins before first_event_at: for a part of it, or all of it, there is nothing to count.
 */
export type PartialBucket =
  | "RUNNING"
  | "CUT"
  | "BEFORE_FIRST_EVENT"
  | `UNKNOWN_${number}`;

/**
 * CostResource is something that costs.
 *
 * - `MODEL_CALLS`: Calls of models: the cost recorded on messages.
 * - `STORAGE`: Storage: bytes in use over the time of the period, at the rate per GiB and 30 days.
 * - `BANDWIDTH`: Bandwidth: request and response bytes of API calls, at the rate per GiB.
 */
export type CostResource =
  | "MODEL_CALLS"
  | "STORAGE"
  | "BANDWIDTH"
  | `UNKNOWN_${number}`;

/**
 * SortDirection is the order of rows.
 *
 * - `DESCENDING`: The greatest figure first.
 * - `ASCENDING`: The smallest figure first.
 */
export type SortDirection =
  | "DESCENDING"
  | "ASCENDING"
  | `UNKNOWN_${number}`;

/**
 * RoiAssumptionSource is where an assumption comes from.
 *
 * - `REQUEST`: The request.
 * - `ORGANIZATION`: The organization's settings.
 * - `DEFAULT`: The service's default.
 */
export type RoiAssumptionSource =
  | "REQUEST"
  | "ORGANIZATION"
  | "DEFAULT"
  | `UNKNOWN_${number}`;

/**
 * RoiCostSource is where the cost of AI comes from.
 *
 * - `RECORDED`: The cost recorded on the messages of all closed conversations.
 * - `ASSUMED`: No cost is recorded: closed conversations × the assumed cost of one.
 */
export type RoiCostSource =
  | "RECORDED"
  | "ASSUMED"
  | `UNKNOWN_${number}`;

/**
 * MetricDirection is the direction in which a figure is better.
 *
 * - `NEITHER`: More is neither better nor worse.
 * - `HIGHER`: More is better.
 * - `LOWER`: Less is better.
 */
export type MetricDirection =
  | "NEITHER"
  | "HIGHER"
  | "LOWER"
  | `UNKNOWN_${number}`;

/**
 * MetricKind is how a metric comes about.
 *
 * - `MEASURE`: A count of events or of distinct ids, or a sum.
 * - `RATIO`: Computed from measures when asked for.
 */
export type MetricKind =
  | "MEASURE"
  | "RATIO"
  | `UNKNOWN_${number}`;

/** GetOverviewRequest asks for the key figures of a period. */
export interface GetOverviewRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: Filter;
  /**
   * comparison asks for the figures of an earlier period, too, and says with which one the changes compare. Unset: the
   * changes compare with the period of equal length just before.
   */
  comparison?: Comparison;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens: boolean;
}

/** GetOverviewRequest asks for the key figures of a period. */
export interface GetOverviewRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /**
   * comparison asks for the figures of an earlier period, too, and says with which one the changes compare. Unset: the
   * changes compare with the period of equal length just before.
   */
  comparison?: ComparisonInit | undefined;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens?: boolean | undefined;
}

/** GetOverviewResponse holds the key figures. */
export interface GetOverviewResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** overview holds the figures. */
  overview?: Overview;
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier holds the figures of the earlier period, without changes and events by type. Unset without a comparison,
   * and where compared has an absence_reason.
   */
  earlier?: Overview;
  /**
   * rows_tokens open the rows behind figures, by the names of their metrics: where the request asks for them, and some list has such
   * rows. There are none of custom metrics, of numbers of agents and of figures that ListMetrics does not name, and none
   * that are absent.
   */
  rowsTokens: Record<string, RowsToken>;
}

/** Overview holds the key figures of a period. */
export interface Overview {
  /** Events of any type. */
  events?: number;
  /** Messages written by users. */
  messagesReceived?: number;
  /** Messages written by agents. */
  messagesSent?: number;
  /** messages_received + messages_sent. */
  totalMessages?: number;
  /** Conversations that began in the period: one per conversation_id. */
  totalConversations?: number;
  /** Distinct agents on any conversation, message or call event. */
  activeAgents?: number;
  /** Distinct users on any event. Exact; not the sum of daily uniques. */
  uniqueUsers?: number;
  /** total_messages, compared with the earlier period. */
  messagesChange?: Change;
  /** total_conversations, compared with the earlier period. */
  conversationsChange?: Change;
  /** unique_users, compared with the earlier period. */
  usersChange?: Change;
  /** Messages sent that carry a response time. */
  responseTimeCount?: number;
  /** Response times of these messages added up, in milliseconds. */
  responseTimeSumMs?: number;
  /** Mean response time of these messages, in milliseconds. Absent without any. */
  avgResponseTimeMs?: number;
  /** Median response time, in milliseconds, at most 1 % off, as are the other percentiles. Absent without any. */
  p50ResponseTimeMs?: number;
  /** 90th percentile of the response time, in milliseconds. */
  p90ResponseTimeMs?: number;
  /** 95th percentile of the response time, in milliseconds. */
  p95ResponseTimeMs?: number;
  /** 99th percentile of the response time, in milliseconds. */
  p99ResponseTimeMs?: number;
  /** Failed messages ÷ messages sent. Absent without messages sent. */
  errorRate?: number;
  /** 1 − error_rate. */
  successRate?: number;
  /** Mean rating, 1 to 5. Absent without ratings. */
  satisfactionScore?: number;
  /** Ratings given. */
  ratingCount?: number;
  /** Tokens read by models. */
  promptTokens?: number;
  /** Tokens written by models. */
  completionTokens?: number;
  /** prompt_tokens + completion_tokens. */
  tokenUsage?: number;
  /** Cost of messages, in millionths of the organization's currency. */
  costMicros?: number;
  /** API and tool calls. */
  apiCalls?: number;
  /** Bytes in use at the end of the period. Absent with a filter, since storage belongs to the organization. */
  storageUsedBytes?: number;
  /** storage_used_bytes by kind. Empty with a filter. */
  storageByKind: StorageUsage[];
  /** Workflows run. */
  workflowExecutions?: number;
  /** Workflows that failed. */
  workflowFailures?: number;
  /** Conversations closed in the period: the sum of the four outcomes below. */
  conversationsClosed?: number;
  /** Closed conversations that the agent resolved alone. */
  conversationsResolved?: number;
  /** Closed conversations that a human took over. */
  conversationsEscalated?: number;
  /** Closed conversations that the user walked away from. */
  conversationsAbandoned?: number;
  /** Closed conversations that ended without another outcome. */
  conversationsEnded?: number;
  /** Events by type, most frequent first. Empty with a filter. */
  eventsByType: EventTypeCount[];
  /** Closed conversations that had been reopened before. */
  conversationsReopened?: number;
  /**
   * Conversations that were handed over to a human and then resolved, in the period of the resolution. The resolving
   * event says whose resolution it is.
   */
  humanResolutions?: number;
  /** Events conversation.resolved, each at its own time, whatever became of the conversation later. */
  resolutionEvents?: number;
  /**
   * Mean time from the beginning of a conversation to the first message sent in it, in milliseconds, of the
   * conversations that began in the period and have such a message.
   */
  avgFirstResponseTimeMs?: number;
  /**
   * Mean time from a hand-over to the first message of a human after it, in milliseconds, of conversations closed in
   * the period that have one.
   */
  avgHumanWaitTimeMs?: number;
  /** Mean time from the beginning to the closing of the conversations closed in the period, in milliseconds. */
  avgConversationDurationMs?: number;
  /** Resolved ÷ closed. The four rates add up to 1; all are absent without closed conversations. */
  resolutionRate?: number;
  /** Escalated ÷ closed: the hand-off rate. */
  escalationRate?: number;
  /** Abandoned ÷ closed. */
  abandonmentRate?: number;
  /** Ended without another outcome ÷ closed. */
  endedRate?: number;
  /** cost_micros ÷ total_conversations, in millionths. Absent without conversations. */
  costPerConversationMicros?: number;
  /** Messages sent with a stock phrase ÷ messages sent. */
  fallbackRate?: number;
  /** Messages sent that were answered from knowledge ÷ messages sent. */
  knowledgeHitRate?: number;
  /** Calls that began. This figure and the next three are without outbound calls. */
  callsOffered?: number;
  /** Calls answered. */
  callsAnswered?: number;
  /** Calls whose caller hung up before an answer. */
  callsAbandoned?: number;
  /** Calls abandoned ÷ calls answered or abandoned. */
  callAbandonmentRate?: number;
  /** Calls that ended, inbound and outbound. */
  callsHandled?: number;
  /** Talk, hold and wrap-up time ÷ calls that ended, in milliseconds. */
  avgHandleTimeMs?: number;
  /** Waiting time ÷ calls answered that carry one, in milliseconds, without outbound calls. */
  avgWaitMs?: number;
  /** API and tool calls with a status from 500 on ÷ API and tool calls. */
  apiErrorRate?: number;
  /** Conversations scored. */
  qualityReviews?: number;
  /** Questions found that the knowledge did not answer. */
  contentGapsFound?: number;
  /** Searches performed. */
  searches?: number;
  /** Documents uploaded. */
  documentsUploaded?: number;
  /** Leads created. */
  leadsCreated?: number;
  /** Leads converted. */
  leadsConverted?: number;
  /** Leads converted ÷ leads converted or lost in the period. */
  conversionRate?: number;
  /** Tasks completed. */
  tasksCompleted?: number;
  /** Points awarded for tasks, badges and otherwise. */
  pointsAwarded?: number;
  /** Payments that succeeded. */
  paymentsSucceeded?: number;
  /** Users registered. */
  userRegistrations?: number;
  /** Logins of users. */
  userLogins?: number;
  /** Events of types that the service does not know. */
  customEvents?: number;
}

/** StorageUsage is the storage in use of one kind. */
export interface StorageUsage {
  /** kind is what takes up the storage. */
  kind?: StorageKind;
  /** bytes is how much. */
  bytes: number;
}

/** EventTypeCount is the number of events of one type. */
export interface EventTypeCount {
  /**
   * event_type is the type. "_other" stands for all types that were first seen after the limit of distinct types was
   * reached.
   */
  eventType: string;
  /** events is how many. */
  events: number;
}

/** GetAgentMetricsRequest asks for the figures of one agent, or of one team. */
export interface GetAgentMetricsRequestData {
  /** agent_id is the agent, as on its events. Required unless there is a team_id, at most 256 bytes. */
  agentId: string;
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * trend_days is the number of calendar days of the time zone that the trend covers, up to the day on which the period
   * ends: 1 to 400. Unset: 7.
   */
  trendDays: number;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
  /** team_id asks for the figures of a team in place of an agent: of the events that carry it. At most 256 bytes. */
  teamId: string;
  /** trend_granularity is the width of a point of the trend. Unset: a day. At most 2,000 points. */
  trendGranularity?: Granularity;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens: boolean;
}

/** GetAgentMetricsRequest asks for the figures of one agent, or of one team. */
export interface GetAgentMetricsRequest {
  /** agent_id is the agent, as on its events. Required unless there is a team_id, at most 256 bytes. */
  agentId?: string | undefined;
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * trend_days is the number of calendar days of the time zone that the trend covers, up to the day on which the period
   * ends: 1 to 400. Unset: 7.
   */
  trendDays?: number | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /** team_id asks for the figures of a team in place of an agent: of the events that carry it. At most 256 bytes. */
  teamId?: string | undefined;
  /** trend_granularity is the width of a point of the trend. Unset: a day. At most 2,000 points. */
  trendGranularity?: Granularity | undefined;
  /** include_rows_tokens asks for rows_tokens, which open the rows behind each figure. */
  includeRowsTokens?: boolean | undefined;
}

/** GetAgentMetricsResponse holds the figures of one agent. */
export interface GetAgentMetricsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** agent holds the figures. */
  agent?: AgentMetrics;
  /** trend has one point per day, or of another width that was asked for, oldest first, without gaps. */
  trend: AgentTrendPoint[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier holds the figures of the earlier period. Unset without a comparison, and where compared has an
   * absence_reason.
   */
  earlier?: AgentMetrics;
  /** profile says what is known of the agent. Unset for a team and for "_other". */
  profile?: AgentProfile;
  /**
   * rows_tokens open the rows behind figures, by the names of their metrics: where the request asks for them, and some list has such
   * rows. There are none of custom metrics, of numbers of agents and of figures that ListMetrics does not name, and none
   * that are absent.
   */
  rowsTokens: Record<string, RowsToken>;
}

/** AgentProfile is what the events of an agent have told of it, whatever the period. */
export interface AgentProfile {
  /** agent_name is what people call it: the newest name that was told. Empty: none was. */
  agentName: string;
  /** kind says whether it is a machine or a human. */
  kind?: AgentKind;
  /** version is the newest release that was told. Empty: none was. */
  version: string;
  /** team_id is the team of the newest agent.created, .updated or .deployed that tells one. Empty: none does. */
  teamId: string;
  /** first_seen_at is when its earliest event occurred. */
  firstSeenAt?: Instant;
  /** last_seen_at is when its latest event occurred. */
  lastSeenAt?: Instant;
  /** created_at is when agent.created was told last. Unset: never. */
  createdAt?: Instant;
  /** deleted_at is when the agent was deleted. Unset: it was not, or it has been created again since. */
  deletedAt?: Instant;
}

/** AgentMetrics holds the figures of one agent, or of one team. Events count that carry its id themselves. */
export interface AgentMetrics {
  /** The agent. Empty for a team. */
  agentId: string;
  /** Conversations that began in the period: one per conversation_id. */
  conversationCount?: number;
  /** Messages received and sent. */
  messageCount?: number;
  /** Messages written by users. */
  messagesReceived?: number;
  /** Messages written by the agent. */
  messagesSent?: number;
  /** Distinct users on any event. */
  uniqueUsers?: number;
  /** Messages of the conversations closed in the period ÷ those conversations. Absent without any. */
  avgMessagesPerConversation?: number;
  /** Conversations closed in the period. */
  conversationsClosed?: number;
  /** Closed conversations that the agent resolved alone. */
  conversationsResolved?: number;
  /** Closed conversations that a human took over. */
  conversationsEscalated?: number;
  /** Closed conversations that the user walked away from. */
  conversationsAbandoned?: number;
  /** Closed conversations that ended without another outcome. */
  conversationsEnded?: number;
  /** Resolved ÷ closed. The four rates add up to 1; all are absent without closed conversations. */
  resolutionRate?: number;
  /** Escalated ÷ closed: the hand-off rate. */
  escalationRate?: number;
  /** Abandoned ÷ closed. */
  abandonmentRate?: number;
  /** Ended without another outcome ÷ closed. */
  endedRate?: number;
  /** Messages sent with a stock phrase ÷ messages sent. */
  fallbackRate?: number;
  /** Messages sent that were answered from knowledge ÷ messages sent. */
  knowledgeHitRate?: number;
  /** Messages sent that carry a response time. */
  responseTimeCount?: number;
  /** Response times of these messages added up, in milliseconds. */
  responseTimeSumMs?: number;
  /** Mean response time of these messages, in milliseconds. */
  avgResponseTimeMs?: number;
  /** Median response time, in milliseconds, at most 1 % off, as are the other percentiles. */
  p50ResponseTimeMs?: number;
  /** 90th percentile of the response time, in milliseconds. */
  p90ResponseTimeMs?: number;
  /** 95th percentile of the response time, in milliseconds. */
  p95ResponseTimeMs?: number;
  /** 99th percentile of the response time, in milliseconds. */
  p99ResponseTimeMs?: number;
  /** Failed messages ÷ messages sent. */
  errorRate?: number;
  /** 1 − error_rate. */
  successRate?: number;
  /** Mean rating, 1 to 5. */
  satisfactionScore?: number;
  /** Ratings given. */
  ratingCount?: number;
  /** Tokens read by models. */
  promptTokens?: number;
  /** Tokens written by models. */
  completionTokens?: number;
  /** prompt_tokens + completion_tokens. */
  tokenUsage?: number;
  /** Cost of messages, in millionths of the organization's currency. */
  costMicros?: number;
  /** cost_micros ÷ conversations started, in millionths. Absent without conversations. */
  costPerConversationMicros?: number;
  /** API and tool calls. */
  apiCalls?: number;
  /** Calls that ended. */
  callsHandled?: number;
  /** Talk, hold and wrap-up time ÷ calls that ended, in milliseconds. Absent without calls. */
  avgHandleTimeMs?: number;
  /** Waiting time ÷ calls answered that carry one, in milliseconds. */
  avgWaitMs?: number;
  /**
   * Time in status available, in milliseconds. A status holds until the next one, and no longer than the organization's
   * presence_timeout (12 hours unless set) after the last event of the agent. Absent if no event has ever told the
   * agent's status, and for "_other".
   */
  availableTimeMs?: number;
  /** Time busy ÷ time available or busy. Absent if both are 0, and for "_other". */
  occupancy?: number;
  /** Leads converted. */
  leadsConverted?: number;
  /** Leads converted ÷ leads converted or lost in the period. */
  conversionRate?: number;
  /** Tasks completed. */
  tasksCompleted?: number;
  /** Closed conversations that had been reopened before. */
  conversationsReopened?: number;
  /**
   * Conversations that were handed over to a human and then resolved, in the period of the resolution. The resolving
   * event says whose resolution it is.
   */
  humanResolutions?: number;
  /** Events conversation.resolved, each at its own time, whatever became of the conversation later. */
  resolutionEvents?: number;
  /**
   * Mean time from the beginning of a conversation to the first message sent in it, in milliseconds, of the
   * conversations that began in the period and have such a message.
   */
  avgFirstResponseTimeMs?: number;
  /**
   * Mean time from a hand-over to the first message of a human after it, in milliseconds, of conversations closed in
   * the period that have one.
   */
  avgHumanWaitTimeMs?: number;
  /** Mean time from the beginning to the closing of the conversations closed in the period, in milliseconds. */
  avgConversationDurationMs?: number;
}

/** AgentTrendPoint is one day of one agent or team, or another width that was asked for. */
export interface AgentTrendPoint {
  /** start is the first instant of the point. */
  start?: Instant;
  /** end is the first instant after the point. */
  end?: Instant;
  /** Conversations started. */
  conversationCount?: number;
  /** Messages received and sent. */
  messageCount?: number;
  /** Mean response time, in milliseconds. Absent without messages that carry one. */
  avgResponseTimeMs?: number;
  /** 95th percentile of the response time, in milliseconds, at most 1 % off. */
  p95ResponseTimeMs?: number;
  /** Mean rating, 1 to 5. Absent without ratings. */
  satisfactionScore?: number;
}

/** GetUsageTrendsRequest asks for series. */
export interface GetUsageTrendsRequestData {
  /**
   * time_range is the period. Required. A first or last bucket that lies partly outside of the period is cut at the
   * bound.
   */
  timeRange?: TimeRange;
  /**
   * granularity is the width of a point. Unset: the server chooses by the length of the period. At most 2,000 points.
   */
  granularity?: Granularity;
  /**
   * metrics are the names of at most 20 metrics with a series (see ListMetrics). Unset: total_messages,
   * total_conversations, token_usage, unique_users, api_calls and cost_micros. A name that is given twice counts once.
   */
  metrics: string[];
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: Filter;
  /** comparison asks for the series of an earlier period, too. Unset: none. */
  comparison?: Comparison;
  /**
   * since_revision asks which buckets have changed since an answer of this as_of_revision and of the same epoch
   * (Bucket.restated). The log of updates knows, which is kept for a day unless the operator says otherwise; beyond it
   * the call fails with OUT_OF_RANGE (CHANGES_NOT_KEPT). Unset: no bucket is marked.
   */
  sinceRevision: number;
}

/** GetUsageTrendsRequest asks for series. */
export interface GetUsageTrendsRequest {
  /**
   * time_range is the period. Required. A first or last bucket that lies partly outside of the period is cut at the
   * bound.
   */
  timeRange?: TimeRangeInit | undefined;
  /**
   * granularity is the width of a point. Unset: the server chooses by the length of the period. At most 2,000 points.
   */
  granularity?: Granularity | undefined;
  /**
   * metrics are the names of at most 20 metrics with a series (see ListMetrics). Unset: total_messages,
   * total_conversations, token_usage, unique_users, api_calls and cost_micros. A name that is given twice counts once.
   */
  metrics?: readonly string[] | undefined;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /** comparison asks for the series of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /**
   * since_revision asks which buckets have changed since an answer of this as_of_revision and of the same epoch
   * (Bucket.restated). The log of updates knows, which is kept for a day unless the operator says otherwise; beyond it
   * the call fails with OUT_OF_RANGE (CHANGES_NOT_KEPT). Unset: no bucket is marked.
   */
  sinceRevision?: number | bigint | undefined;
}

/** GetUsageTrendsResponse holds series over the same buckets. */
export interface GetUsageTrendsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** granularity is the one used. */
  granularity?: Granularity;
  /** buckets are the points' periods, oldest first, without gaps. */
  buckets: Bucket[];
  /** series are one per metric, in the order asked for. */
  series: Series[];
  /** storage_by_kind is the storage in use at the end of the period. Empty with a filter. */
  storageByKind: StorageUsage[];
  /**
   * estimated_costs are estimates by resource. Model calls: the cost recorded on messages. Others: the organization's
   * rate card; a resource without a rate is left out. Empty with a filter.
   */
  estimatedCosts: EstimatedCost[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier_buckets are the buckets of the earlier period that are compared with buckets, one each, in the same order.
   * One whose end is its start has no counterpart: it has not passed yet, or the earlier month has no such day. Empty
   * without a comparison, and where compared has an absence_reason.
   */
  earlierBuckets: Bucket[];
  /**
   * earlier_series are the series over earlier_buckets, in the order of series. Values of buckets without a counterpart
   * are absent.
   */
  earlierSeries: Series[];
}

/** Bucket is the period of one point. */
export interface Bucket {
  /** start is the first instant of the bucket. */
  start?: Instant;
  /** end is the first instant after the bucket. */
  end?: Instant;
  /**
   * partial says why the bucket counts less than its whole hour, day or other width. Unset: it counts all of it. In
   * earlier_buckets it is never set.
   */
  partial?: PartialBucket;
  /**
   * restated is true if figures of the bucket have changed after since_revision although it was over by then: late
   * events have come in, or a conversation came out otherwise. Changes are known by quarter hour. A recount that corrects
   * nothing but numbers of distinct ids is not noticed.
   */
  restated: boolean;
}

/** Series is one metric over the buckets. */
export interface Series {
  /** metric is the name, as in ListMetrics. */
  metric: string;
  /** unit is the unit of the values, as in ListMetrics. */
  unit: string;
  /**
   * values are as many as the buckets. Where nothing happened, counts and sums are 0, and averages, rates and
   * percentiles are absent.
   */
  values: SeriesValue[];
  /** title is what people call the metric, as in ListMetrics. */
  title: string;
}

/** SeriesValue is one figure. If neither field is set, the figure is absent. */
export interface SeriesValue {
  /** value is an integer for counts, sums and uniques, and a number for all else. */
  value?:
    /** integer is exact. */
    | { case: "integer"; value: number }
    /** number is an average, a rate or a percentile. */
    | { case: "number"; value: number };
}

/** EstimatedCost is what a resource is estimated to have cost in the period. */
export interface EstimatedCost {
  /** resource is what cost. */
  resource?: CostResource;
  /** cost_micros is how much, in millionths of the organization's currency. */
  costMicros: number;
}

/** QueryMetricsRequest asks for a table of figures. */
export interface QueryMetricsRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: Filter;
  /**
   * group_by names what each row is about: one dimension or two. Empty: the total alone. Beside the dimensions in
   * ListMetrics, "event_type", "storage_kind" and "user" can be named. Of the first two only events and
   * storage_change_bytes are kept; of users, events, messages, conversations, tokens, cost and ratings, by day of UTC
   * and with the help of raw events (RAW_EVENTS_GONE). Other figures are absent.
   *
   * What group_by and filter name together is kept if it is one dimension, or a pair that is declared. All else is
   * counted from raw events, if there are at most 50,000 in the period that match the filter, and they are still kept:
   * else it is refused (PAIR_NOT_KEPT). What is counted from whole conversations is then absent.
   */
  groupBy: string[];
  /**
   * metrics are the names of at most 20 metrics with a series (see ListMetrics). Required. A name that is given twice
   * counts once.
   */
  metrics: string[];
  /** order_by is one of the metrics. Unset: the first one. */
  orderBy: string;
  /**
   * direction is the order of the rows. Rows without the figure come last either way, and rows with equal figures in
   * the order of their values.
   */
  direction?: SortDirection;
  /** page_size is the most rows of a page. Unset: 50. More than 1,000 are taken as 1,000. */
  pageSize: number;
  /**
   * page_token asks for the next page of the same question: next_page_token of the page before. A token of another
   * question is refused (PAGE_TOKEN_MISMATCH). The pages of a table are of one revision. Once events have come in
   * since, the rows that were shown would no longer fit those to come: the token is then refused (PAGE_TOKEN_EXPIRED).
   */
  pageToken: string;
  /** series asks for a series of every metric beside the figures of each row and of the total. */
  series?: SeriesRequestData;
  /** comparison asks for the figures of an earlier period beside those of each row, total and other. Unset: none. */
  comparison?: Comparison;
  /**
   * include_rows_tokens asks for the rows_tokens of each row, of total and of other. A page has at most 5,000 of them:
   * ask for fewer rows or metrics otherwise (VALUE_OUT_OF_RANGE).
   */
  includeRowsTokens: boolean;
}

/** QueryMetricsRequest asks for a table of figures. */
export interface QueryMetricsRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /**
   * group_by names what each row is about: one dimension or two. Empty: the total alone. Beside the dimensions in
   * ListMetrics, "event_type", "storage_kind" and "user" can be named. Of the first two only events and
   * storage_change_bytes are kept; of users, events, messages, conversations, tokens, cost and ratings, by day of UTC
   * and with the help of raw events (RAW_EVENTS_GONE). Other figures are absent.
   *
   * What group_by and filter name together is kept if it is one dimension, or a pair that is declared. All else is
   * counted from raw events, if there are at most 50,000 in the period that match the filter, and they are still kept:
   * else it is refused (PAIR_NOT_KEPT). What is counted from whole conversations is then absent.
   */
  groupBy?: readonly string[] | undefined;
  /**
   * metrics are the names of at most 20 metrics with a series (see ListMetrics). Required. A name that is given twice
   * counts once.
   */
  metrics?: readonly string[] | undefined;
  /** order_by is one of the metrics. Unset: the first one. */
  orderBy?: string | undefined;
  /**
   * direction is the order of the rows. Rows without the figure come last either way, and rows with equal figures in
   * the order of their values.
   */
  direction?: SortDirection | undefined;
  /** page_size is the most rows of a page. Unset: 50. More than 1,000 are taken as 1,000. */
  pageSize?: number | undefined;
  /**
   * page_token asks for the next page of the same question: next_page_token of the page before. A token of another
   * question is refused (PAGE_TOKEN_MISMATCH). The pages of a table are of one revision. Once events have come in
   * since, the rows that were shown would no longer fit those to come: the token is then refused (PAGE_TOKEN_EXPIRED).
   */
  pageToken?: string | undefined;
  /** series asks for a series of every metric beside the figures of each row and of the total. */
  series?: SeriesRequest | undefined;
  /** comparison asks for the figures of an earlier period beside those of each row, total and other. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /**
   * include_rows_tokens asks for the rows_tokens of each row, of total and of other. A page has at most 5,000 of them:
   * ask for fewer rows or metrics otherwise (VALUE_OUT_OF_RANGE).
   */
  includeRowsTokens?: boolean | undefined;
}

/** SeriesRequest asks for series beside figures. */
export interface SeriesRequestData {
  /**
   * granularity is the width of a point. Unset: the server chooses by the length of the period. All series of a page
   * have at most 20,000 points, and 200,000 figures, together (TOO_MANY_POINTS).
   */
  granularity?: Granularity;
}

/** SeriesRequest asks for series beside figures. */
export interface SeriesRequest {
  /**
   * granularity is the width of a point. Unset: the server chooses by the length of the period. All series of a page
   * have at most 20,000 points, and 200,000 figures, together (TOO_MANY_POINTS).
   */
  granularity?: Granularity | undefined;
}

/**
 * QueryMetricsResponse holds a page of a table. For every metric that adds up (counts and sums, not averages, rates,
 * percentiles and distinct ids): the rows of all pages up to this one + rest + other = total.
 */
export interface QueryMetricsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** metrics are the columns: what each figure of a row is, in the order asked for. */
  metrics: MetricColumn[];
  /**
   * rows have a value each of what the question groups by, in the order asked for. A value that nothing was counted for
   * in the period has no row.
   */
  rows: MetricRow[];
  /**
   * total is the whole of what the question is about: each figure is the one that GetOverview gives at this revision.
   */
  total?: MetricRow;
  /**
   * rest is what the total has beside the rows of the pages up to this one and other: rows that are still to come, and
   * what carries no value of the dimension. Figures that do not add up are absent. Unset without group_by.
   */
  rest?: MetricRow;
  /**
   * other is what values without figures of their own come to: those that were first seen after the organization's
   * limit of distinct values was reached. Unset where there are none, and where the question groups by one dimension of
   * a pair and filters by the other: it is then a part of rest.
   */
  other?: MetricRow;
  /** distinct_values is the number of rows of all pages. */
  distinctValues: number;
  /** next_page_token asks for the next page. Empty: this is the last one. */
  nextPageToken: string;
  /** granularity is the one of the series. Unset where none were asked for. */
  granularity?: Granularity;
  /** buckets are the periods of the series' points, oldest first, without gaps. Empty where none were asked for. */
  buckets: Bucket[];
  /** compared says which earlier period was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /** group_by names the dimensions of the rows' values, as the question does. */
  groupBy: string[];
}

/** MetricColumn is a column of a table. */
export interface MetricColumn {
  /** metric is the name, as in ListMetrics. */
  metric: string;
  /** unit is the unit of the figures, as in ListMetrics. */
  unit: string;
  /** title is what people call the metric, as in ListMetrics. */
  title: string;
}

/** MetricRow is a row of a table. */
export interface MetricRow {
  /**
   * values are what the row is about: one for each dimension of group_by, in its order. Empty for total, rest and
   * other.
   */
  values: string[];
  /**
   * display_name is what people call the value, where that is known: the name of an agent or a campaign. With two
   * dimensions it is the name of the agent among them, else of the campaign.
   */
  displayName: string;
  /** figures are as many as the columns, each from the row's own counts and sums. */
  figures: SeriesValue[];
  /** series are as many as the columns, where the question asks for series, and else empty. */
  series: MetricPoints[];
  /**
   * earlier_figures are the figures of the earlier period, as many as the columns, where the question asks for a
   * comparison and there is something to compare with. Empty for rest.
   */
  earlierFigures: SeriesValue[];
  /**
   * rows_tokens open the rows behind figures, by the names of their metrics: where the request asks for them, and some list has such
   * rows. There are none of custom metrics, of numbers of agents and of figures that ListMetrics does not name, and none
   * that are absent. Empty for
   * rest.
   */
  rowsTokens: Record<string, RowsToken>;
}

/** MetricPoints are the figures of one metric over the buckets. */
export interface MetricPoints {
  /** values are as many as the buckets. */
  values: SeriesValue[];
}

/** ListDimensionValuesRequest asks for values of a dimension. */
export interface ListDimensionValuesRequest {
  /** dimension is its name, as in ListMetrics (UNKNOWN_DIMENSION). Required. */
  dimension?: string | undefined;
  /**
   * prefix keeps the values that begin with it, or whose display name does, upper and lower case being the same. At
   * most 256 bytes.
   */
  prefix?: string | undefined;
  /** time_range is the period whose use decides the order. Unset: the last 28 days. */
  timeRange?: TimeRangeInit | undefined;
  /** page_size is the most values to return. Unset: 50. More than 1,000 are taken as 1,000. */
  pageSize?: number | undefined;
}

/** ListDimensionValuesResponse holds values of a dimension. */
export interface ListDimensionValuesResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /**
   * values are those with the most events in the period first, those with equally many by value, and then those that no
   * event of the period carries.
   */
  values: DimensionValue[];
  /** has_more is true if there are more values than these: a longer prefix finds them. */
  hasMore: boolean;
}

/** DimensionValue is a value of a dimension. */
export interface DimensionValue {
  /** value is the value, as in filters. */
  value: string;
  /** display_name is what people call it, where that is known: the name of an agent or a campaign. */
  displayName: string;
  /** events is the number of events in the period that carry it. */
  events: number;
}

/** GetDailyStatsRequest asks for a row for each day of a period. */
export interface GetDailyStatsRequestData {
  /**
   * time_range is the period. Required. The answer is about whole calendar days of its time zone: those that the period
   * touches, at most 400 (TIME_RANGE_TOO_LARGE).
   */
  timeRange?: TimeRange;
}

/** GetDailyStatsRequest asks for a row for each day of a period. */
export interface GetDailyStatsRequest {
  /**
   * time_range is the period. Required. The answer is about whole calendar days of its time zone: those that the period
   * touches, at most 400 (TIME_RANGE_TOO_LARGE).
   */
  timeRange?: TimeRangeInit | undefined;
}

/** GetDailyStatsResponse holds a row for each day. */
export interface GetDailyStatsResponse {
  /**
   * context says what was counted: start is the first instant of the first day, and end the first instant after the
   * last one, even if that day is still running.
   */
  context?: AnswerContext;
  /** days are the days, oldest first, without gaps. */
  days: DailyStats[];
  /**
   * total holds the same figures of all days together. Counts and sums are those of the days added up; distinct users,
   * rates and means are worked out anew over the whole.
   */
  total?: DailyStats;
}

/** DailyStats holds the figures of one day, or of all days together. unique_users = new_users + returning_users. */
export interface DailyStats {
  /** bucket is the day, from its midnight to the next one; of the total, all days. */
  bucket?: Bucket;
  /**
   * running is true if the day, or the last of all days, has not ended at the context's as_of_time: its figures will
   * grow.
   */
  running: boolean;
  /** before_first_event is true if all of it lies before the organization's first event: there was nothing to count. */
  beforeFirstEvent: boolean;
  /** Distinct users first seen up to the end of the day: all that any event until then has carried. */
  usersTotal?: number;
  /** Distinct users on any event of the day: the active ones. */
  uniqueUsers?: number;
  /** Users first seen on that day: no event before it carried them. */
  newUsers?: number;
  /** Active users that had been seen before the day; of the total, before the first day. */
  returningUsers?: number;
  /** Conversations that began: one per conversation_id. */
  totalConversations?: number;
  /** Messages received and sent. */
  totalMessages?: number;
  /** Messages written by users. */
  messagesReceived?: number;
  /** Messages written by agents. */
  messagesSent?: number;
  /** Calls that ended. */
  callsHandled?: number;
  /** Messages sent that are marked as failed: the errors. */
  failedMessages?: number;
  /** Failed messages ÷ messages sent. Absent without messages sent. */
  errorRate?: number;
  /** Mean response time of the messages sent that carry one, in milliseconds. Absent without any. */
  avgResponseTimeMs?: number;
  /** Tokens read by models. */
  promptTokens?: number;
  /** Tokens written by models. */
  completionTokens?: number;
  /** prompt_tokens + completion_tokens. */
  tokenUsage?: number;
  /** Cost of messages, in millionths of the organization's currency. */
  costMicros?: number;
}

/** GetQuotaRequest asks for the organization's monthly quota of events. */
export type GetQuotaRequestData = Readonly<Record<string, never>>;

/** GetQuotaRequest asks for the organization's monthly quota of events. */
export type GetQuotaRequest = Readonly<Record<string, never>>;

/** GetQuotaResponse holds the quota. */
export interface GetQuotaResponse {
  /** context says what was counted: the calendar month of UTC, since quotas count by UTC in every time zone. */
  context?: AnswerContext;
  /** quota is the quota of this month. */
  quota?: MonthlyQuota;
}

/**
 * MonthlyQuota is how many events an organization may store in a calendar month of UTC, and what it has used of that.
 *
 * An event counts in the month in which it was stored, whenever it occurred, and counts once: sending it again is free,
 * and so are the events by which the service ends idle conversations. A call that has more new events than remain is
 * refused as a whole (EVENT_QUOTA).
 */
export interface MonthlyQuota {
  /** limit is the most events of a month. Unset: there is no limit. */
  limit?: number;
  /** used is the number of events stored in this month up to the context's revision, exactly as ingest counts them. */
  used: number;
  /**
   * remaining is how many more new events fit: limit − used, and 0 where more are stored than the limit now allows.
   * Unset without a limit.
   */
  remaining?: number;
  /** share is used ÷ limit. Unset without a limit. */
  share?: number;
  /** resets_at is the first instant of the next month, at which used is 0 again. */
  resetsAt?: Instant;
  /**
   * events_per_day is the pace: how many events a day have occurred in the last 7 days of whole quarter hours, or since
   * the first event where that is later, those that the service has made included. Unset until a day has passed since
   * the first event.
   */
  eventsPerDay?: number;
  /**
   * projected_used is an estimate of used at the end of the month: used, and events at that pace until then. Unset
   * without a pace.
   */
  projectedUsed?: number;
  /**
   * runs_out_on is the day of UTC, such as "2026-11-30", on which nothing would remain at that pace; today where
   * nothing remains. Empty if the quota will last until resets_at, and without a limit or a pace.
   */
  runsOutOn: string;
}

/** GetRoiRequest asks for the return of AI agents in a period. */
export interface GetRoiRequestData {
  /** time_range is the period. Required. Its conversations are those that were closed in it. */
  timeRange?: TimeRange;
  /**
   * filter narrows the question to one value of a dimension by which whole conversations are kept (has_conversations in
   * ListMetrics). Under others there is no return in the answer. Unset: the whole organization.
   */
  filter?: Filter;
  /**
   * assumptions are what is not recorded. Unset, as any of its fields: the organization's settings, or the service's
   * defaults.
   */
  assumptions?: RoiAssumptions;
  /** comparison asks for the return of an earlier period, too, with the same assumptions. Unset: none. */
  comparison?: Comparison;
  /** series asks for the return of each bucket, too. At most 2,000 points. Unset: none. */
  series?: SeriesRequestData;
}

/** GetRoiRequest asks for the return of AI agents in a period. */
export interface GetRoiRequest {
  /** time_range is the period. Required. Its conversations are those that were closed in it. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * filter narrows the question to one value of a dimension by which whole conversations are kept (has_conversations in
   * ListMetrics). Under others there is no return in the answer. Unset: the whole organization.
   */
  filter?: FilterInit | undefined;
  /**
   * assumptions are what is not recorded. Unset, as any of its fields: the organization's settings, or the service's
   * defaults.
   */
  assumptions?: RoiAssumptionsInit | undefined;
  /** comparison asks for the return of an earlier period, too, with the same assumptions. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /** series asks for the return of each bucket, too. At most 2,000 points. Unset: none. */
  series?: SeriesRequest | undefined;
}

/** RoiAssumptions are what the return depends on beside the conversations. */
export interface RoiAssumptions {
  /**
   * hourly_cost_micros is what an hour of a human costs who would handle the conversations, in millionths of the
   * currency. From 0 to 10^12. Unset: the organization's setting, or 25,000,000 (25 per hour).
   */
  hourlyCostMicros?: number;
  /**
   * handling_time_ms is how long that human would work on one conversation, in milliseconds. From 0 to 86,400,000.
   * Unset: the organization's setting, or 480,000 (8 minutes).
   */
  handlingTimeMs?: number;
  /**
   * conversation_cost_micros is what AI costs for one closed conversation if no cost is recorded, in millionths of the
   * currency. From 0 to 10^12. Unset: the organization's setting, or 50,000 (0.05).
   */
  conversationCostMicros?: number;
}

/** RoiAssumptions are what the return depends on beside the conversations. */
export interface RoiAssumptionsInit {
  /**
   * hourly_cost_micros is what an hour of a human costs who would handle the conversations, in millionths of the
   * currency. From 0 to 10^12. Unset: the organization's setting, or 25,000,000 (25 per hour).
   */
  hourlyCostMicros?: number | bigint | undefined;
  /**
   * handling_time_ms is how long that human would work on one conversation, in milliseconds. From 0 to 86,400,000.
   * Unset: the organization's setting, or 480,000 (8 minutes).
   */
  handlingTimeMs?: number | bigint | undefined;
  /**
   * conversation_cost_micros is what AI costs for one closed conversation if no cost is recorded, in millionths of the
   * currency. From 0 to 10^12. Unset: the organization's setting, or 50,000 (0.05).
   */
  conversationCostMicros?: number | bigint | undefined;
}

/** GetRoiResponse holds the return. */
export interface GetRoiResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** assumptions are those that were used. */
  assumptions?: UsedRoiAssumptions;
  /** roi is the return of the period. Unset where whole conversations are not kept by the filter's dimension. */
  roi?: Roi;
  /** granularity is the one of the series. Unset where none was asked for. */
  granularity?: Granularity;
  /**
   * points are the series, oldest first, without gaps. Empty where none was asked for. The cost of AI comes from where
   * the period's comes from, so that points add up, up to the rounding of each.
   */
  points: RoiPoint[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier is the return of the earlier period. Unset without a comparison, and where compared has an absence_reason.
   */
  earlier?: Roi;
}

/** UsedRoiAssumptions are the assumptions of an answer, each with where it comes from. */
export interface UsedRoiAssumptions {
  /** hourly_cost_micros is the cost of an hour of human work, in millionths of the currency. */
  hourlyCostMicros?: RoiAssumption;
  /** handling_time_ms is the time of human work on one conversation, in milliseconds. */
  handlingTimeMs?: RoiAssumption;
  /**
   * conversation_cost_micros is the cost of AI for one closed conversation, in millionths of the currency. It is used
   * where cost_source is ROI_COST_SOURCE_ASSUMED.
   */
  conversationCostMicros?: RoiAssumption;
}

/** RoiAssumption is one assumption that was used. */
export interface RoiAssumption {
  /** value is what was assumed. */
  value: number;
  /** source is where it comes from. */
  source?: RoiAssumptionSource;
}

/** Roi is the return over the conversations that were closed in a period. */
export interface Roi {
  /** Conversations closed, whatever their outcome. Their cost is the cost of AI. */
  conversationsClosed: number;
  /** Closed conversations that the agent resolved alone. They are the human work that was spared. */
  conversationsResolved: number;
  /** Recorded cost of the messages of all closed conversations, in millionths of the currency. */
  recordedCostMicros: number;
  /** Where the cost of AI comes from: it is recorded_cost_micros if that is more than 0, and else assumed. */
  costSource?: RoiCostSource;
  /**
   * The cautious reading: 0.75 times the handling time, and 1.25 times the assumed cost. A recorded cost is the same in
   * all three.
   */
  low?: RoiEstimate;
  /** The assumptions as they are. */
  base?: RoiEstimate;
  /** The hopeful reading: 1.25 times the handling time, and 0.75 times the assumed cost. */
  high?: RoiEstimate;
}

/**
 * RoiEstimate is what follows from the conversations and the assumptions. Amounts are in millionths of the
 * organization's currency, rounded.
 */
export interface RoiEstimate {
  /** Conversations resolved × handling time × hourly cost. */
  humanCostAvoidedMicros: number;
  /** The cost of AI for all closed conversations. */
  aiCostMicros: number;
  /** human_cost_avoided_micros − ai_cost_micros. Negative if AI cost more than it spared. */
  savingsMicros: number;
  /** savings_micros ÷ ai_cost_micros. Absent without a cost of AI. */
  roi?: number;
  /**
   * The least number of conversations resolved at which the savings would not be negative, at this cost of AI. Absent
   * if human work costs nothing.
   */
  breakEvenConversations?: number;
}

/** RoiPoint is the return of one bucket. */
export interface RoiPoint {
  /** bucket is its period. */
  bucket?: Bucket;
  /** roi is its return. Unset where whole conversations are not kept by the filter's dimension. */
  roi?: Roi;
}

/** GetCostsRequest asks for costs. */
export interface GetCostsRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * rows is the most rows of each breakdown. Unset: 10. From 1 to 100. QueryMetrics has all rows, and those of any
   * other dimension.
   */
  rows: number;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
  /** series asks for a series, too. At most 2,000 points. Unset: none. */
  series?: SeriesRequestData;
}

/** GetCostsRequest asks for costs. */
export interface GetCostsRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * rows is the most rows of each breakdown. Unset: 10. From 1 to 100. QueryMetrics has all rows, and those of any
   * other dimension.
   */
  rows?: number | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
  /** series asks for a series, too. At most 2,000 points. Unset: none. */
  series?: SeriesRequest | undefined;
}

/** GetCostsResponse holds what was recorded, and estimates apart from that: no figure is made of both. */
export interface GetCostsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** total is what was recorded in the period. */
  total?: Costs;
  /**
   * breakdowns are total by model, agent, channel, team and user, in this order. That by user is missing where raw
   * events at the bounds of the period are gone: what users did is kept by day of UTC.
   */
  breakdowns: CostBreakdown[];
  /** granularity is the one of the series. Unset where none was asked for. */
  granularity?: Granularity;
  /** points are the series, oldest first, without gaps. Empty where none was asked for. */
  points: CostPoint[];
  /** compared says what was compared. Unset without a comparison. */
  compared?: ComparedPeriod;
  /**
   * earlier is what was recorded in the earlier period. Unset without a comparison, and where compared has an
   * absence_reason.
   */
  earlier?: Costs;
  /**
   * estimated_costs are estimates of storage and bandwidth by the organization's rate card. A resource without a rate
   * is left out.
   */
  estimatedCosts: EstimatedCost[];
  /**
   * token_estimate is an estimate of what messages have cost that carry tokens but no cost, by the organization's price
   * list.
   */
  tokenEstimate?: TokenCostEstimate;
}

/** Costs is what was recorded of a period. Money is in millionths of the organization's currency. */
export interface Costs {
  /** Cost recorded on messages. Messages without a cost are not in it. */
  costMicros?: number;
  /** Tokens read by models. */
  promptTokens?: number;
  /** Tokens read that came from the cache of the model's provider: a part of prompt_tokens. */
  cachedTokens?: number;
  /** Tokens written by models. */
  completionTokens?: number;
  /** prompt_tokens + completion_tokens. */
  tokenUsage?: number;
  /** Conversations that began. */
  totalConversations?: number;
  /** Conversations closed that the agent resolved alone. */
  conversationsResolved?: number;
  /** Distinct users on any event. */
  uniqueUsers?: number;
  /** cost_micros ÷ total_conversations. Absent without conversations. */
  costPerConversationMicros?: number;
  /** Recorded cost of all conversations closed ÷ conversations_resolved. Absent without any resolved. */
  costPerResolvedConversationMicros?: number;
  /** cost_micros ÷ unique_users. Absent without users. */
  costPerUserMicros?: number;
}

/** CostFigures is what was recorded of a part of the organization. Each figure adds up. */
export interface CostFigures {
  /** Cost recorded on messages, in millionths of the organization's currency. */
  costMicros: number;
  /** Tokens read by models. */
  promptTokens: number;
  /** Tokens read that came from the cache of the model's provider: a part of prompt_tokens. */
  cachedTokens: number;
  /** Tokens written by models. */
  completionTokens: number;
  /** prompt_tokens + completion_tokens. */
  tokenUsage: number;
}

/** CostBreakdown is the costs by one dimension: rows + rest + other = total. */
export interface CostBreakdown {
  /** dimension is its name, as in ListMetrics. */
  dimension: string;
  /** rows are the values that cost most, those with equal figures by value. */
  rows: CostRow[];
  /**
   * rest is what total has beside rows and other: further values, and messages that carry no value of the dimension.
   */
  rest?: CostFigures;
  /**
   * other is what values without figures of their own come to: those that were first seen after the organization's
   * limit of distinct values was reached. Unset where there are none.
   */
  other?: CostFigures;
  /** distinct_values is how many values there are. */
  distinctValues: number;
  /**
   * ordered_by is the metric that orders the rows: cost_micros, or token_usage where no cost is recorded in the period.
   */
  orderedBy: string;
}

/** CostRow is the costs of one value of a dimension. */
export interface CostRow {
  /** value is the value, as in filters. */
  value: string;
  /** display_name is what people call it, where that is known: the name of an agent. */
  displayName: string;
  /** figures are its costs. */
  figures?: CostFigures;
}

/** CostPoint is the costs of one bucket. */
export interface CostPoint {
  /** bucket is its period. */
  bucket?: Bucket;
  /** figures are its costs. */
  figures?: CostFigures;
}

/**
 * TokenCostEstimate is an estimate of what messages have cost that name their model and carry tokens but no cost. A
 * price holds from midnight in the organization's zone on the day of its entry in the price list, until the next entry
 * of the model: tokens are priced by when their messages occurred. It is no part of any recorded cost.
 */
export interface TokenCostEstimate {
  /**
   * estimated_cost_micros is what tokens cost that have a price: those read that came from no cache, those from a
   * cache, and those written, each at its price. In millionths of the organization's currency.
   */
  estimatedCostMicros: number;
  /** priced_tokens is how many tokens, read and written, have a price and no recorded cost. */
  pricedTokens: number;
  /** unpriced_tokens is how many have neither: nothing is estimated for them. */
  unpricedTokens: number;
  /**
   * models are the models of these tokens, at most as many as a breakdown has rows, the most costly first. "_other"
   * stands for models without figures of their own, which have no price.
   */
  models: ModelCostEstimate[];
}

/** ModelCostEstimate is the estimate of one model. */
export interface ModelCostEstimate {
  /** model is its name. */
  model: string;
  /** Tokens read for messages without a cost. */
  promptTokens: number;
  /** Tokens read for messages without a cost that came from a cache: a part of prompt_tokens. */
  cachedTokens: number;
  /** Tokens written for messages without a cost. */
  completionTokens: number;
  /** Tokens of these, read and written, of times without a price. */
  unpricedTokens: number;
  /** What the others are estimated to have cost, in millionths of the organization's currency. */
  estimatedCostMicros: number;
}

/** ListMetricsRequest asks for the catalogue. */
export type ListMetricsRequest = Readonly<Record<string, never>>;

/** ListMetricsResponse holds the catalogue. */
export interface ListMetricsResponse {
  /** metrics are all metrics, by name. */
  metrics: MetricDescriptor[];
  /** dimensions are all dimensions that an answer can be narrowed by, by name. */
  dimensions: DimensionDescriptor[];
  /**
   * pairs are the pairs of dimensions by which the organization's figures are kept together, by name: those that it has
   * declared, and those that every organization has.
   */
  pairs: DimensionPair[];
}

/** DimensionPair is two dimensions that answers can be narrowed by together. */
export interface DimensionPair {
  /** name is the names of both, with a comma between, for example "agent,channel". */
  name: string;
  /** dimensions are the names of the two. */
  dimensions: string[];
  /**
   * complete is false while what came before the pair was declared is being counted from raw events. Until then
   * questions are refused (PAIR_INCOMPLETE).
   */
  complete: boolean;
  /** complete_from is the earliest time that questions may be about. Unset: any. */
  completeFrom?: Instant;
  /** standing is true if every organization has the pair, without declaring it. */
  standing: boolean;
}

/** DimensionDescriptor defines one dimension: something that figures are kept by. */
export interface DimensionDescriptor {
  /** name is the dimension's name in filters. */
  name: string;
  /** description says what the values are, and which events carry them. */
  description: string;
  /** has_conversations is true if what is counted from whole conversations is kept by it, too. */
  hasConversations: boolean;
  /**
   * has_realtime is true if realtime figures can be narrowed by it (RealtimeFilter). Updates can be by any dimension.
   */
  hasRealtime: boolean;
  /**
   * has_leads is true if what is counted from whole leads (leads_generated and what became of them) is kept by it, too.
   */
  hasLeads: boolean;
}

/** MetricDescriptor defines one metric. */
export interface MetricDescriptor {
  /** name is the metric's name everywhere: in fields, series and documentation. */
  name: string;
  /** description says what is counted, over which events. */
  description: string;
  /**
   * unit is one of "1" (a count), "ms", "By" (bytes), "micros" (millionths of the organization's currency, or of that
   * of the dimension currency if the metric is kept by it alone), "tokens", "fraction", "rating", "%", "10*-4"
   * (ten-thousandths).
   */
  unit: string;
  /** kind tells stored measures from computed metrics. */
  kind?: MetricKind;
  /**
   * event_types are the types of the events that the metric counts. Empty: events of any type, events of types that the
   * service does not know (custom_events), a computed metric, or a metric that is taken from conversations as they
   * close.
   */
  eventTypes: string[];
  /** inputs are the names of the metrics that a computed metric is made of, numerator first. */
  inputs: string[];
  /** has_series is true if GetUsageTrends takes the name. */
  hasSeries: boolean;
  /** max_relative_error is 0 for exact metrics, else the bound of the error as a fraction. */
  maxRelativeError: number;
  /** title is what people call the metric, on screens and in tables: "Median response time". */
  title: string;
  /** better says which change of the figure is good news. */
  better?: MetricDirection;
  /** group is the title of the family that the metric belongs to: "Messages". */
  group: string;
  /**
   * only_by are the dimensions by which alone the metric is kept, by themselves or in a pair: its values must not be
   * added up otherwise, as amounts of different currencies. Under other dimensions and for the organization as a whole
   * it is absent. Empty: any dimension.
   */
  onlyBy: string[];
  /**
   * custom_metric is the name of the custom metric that it is, or is computed from, without "custom." in front. Empty: it
   * is built in.
   */
  customMetric: string;
  /**
   * progress is the share of the events before the definition of a custom metric that is counted, from 0 to 1. Questions
   * about it fail until it is 1 (CUSTOM_METRIC_INCOMPLETE).
   */
  progress: number;
  /**
   * complete_from is the time from which on figures of a custom metric are complete: when it was defined, older raw
   * events were gone. Unset: for all time.
   */
  completeFrom?: Instant;
}

/**
 * OrganizationState says whether an organization may use the service.
 *
 * - `ACTIVE`: It may.
 * - `SUSPENDED`: Its calls are refused until it is resumed.
 * - `REVOKED`: Its calls are refused for good.
 * - `DELETING`: Its calls are refused, and after delete_after it is deleted unless it is resumed before.
 * - `DELETED`: It is deleted: what was kept of it is gone, or is being removed. Its name is made up; GetOrganizationDeletion knows it by the one that it had. Lists have it only where this state is asked for.
 */
export type OrganizationState =
  | "ACTIVE"
  | "SUSPENDED"
  | "REVOKED"
  | "DELETING"
  | "DELETED"
  | `UNKNOWN_${number}`;

/**
 * ErasedUserEvents is what becomes of later events of a person who was erased.
 *
 * - `PSEUDONYMOUS`: They are stored without the person.
 * - `REFUSE`: They are refused (USER_ERASED).
 */
export type ErasedUserEvents =
  | "PSEUDONYMOUS"
  | "REFUSE"
  | `UNKNOWN_${number}`;

/**
 * ApiKeyState says whether a key is good.
 *
 * - `ACTIVE`: It is good.
 * - `EXPIRED`: It has ended by its time.
 * - `REVOKED`: It was revoked.
 */
export type ApiKeyState =
  | "ACTIVE"
  | "EXPIRED"
  | "REVOKED"
  | `UNKNOWN_${number}`;

/**
 * WorkTaskState says what has become of a task.
 *
 * - `QUEUED`: It is due at run_at; also between two tries.
 * - `RUNNING`: A worker is at it.
 * - `DONE`: It is done.
 * - `DEAD`: It has failed as often as it may.
 * - `CANCELLED`: It was cancelled.
 */
export type WorkTaskState =
  | "QUEUED"
  | "RUNNING"
  | "DONE"
  | "DEAD"
  | "CANCELLED"
  | `UNKNOWN_${number}`;

/** Organization is a tenant. */
export interface Organization {
  /**
   * name is what it is called: 1 to 100 printable characters in Unicode form C, without blanks around them. It never changes.
   */
  name: string;
  /** state says whether it may use the service. Set by the service. */
  state?: OrganizationState;
  /** settings are what was chosen for it. */
  settings?: OrganizationSettings;
  /** created_at is when it was made. Set by the service. */
  createdAt?: Instant;
  /** etag is another one after each change of state and settings. Set by the service. */
  etag: string;
  /**
   * organization_id is the number under which logs and the command line name it. Unset for callers who are no operators.
   */
  organizationId?: number;
  /**
   * delete_after is when it is deleted unless that is taken back. Unset where it is not to be deleted. Set by the service.
   */
  deleteAfter?: Instant;
}

/** Organization is a tenant. */
export interface OrganizationInit {
  /**
   * name is what it is called: 1 to 100 printable characters in Unicode form C, without blanks around them. It never changes.
   */
  name?: string | undefined;
  /** state says whether it may use the service. Set by the service. */
  state?: OrganizationState | undefined;
  /** settings are what was chosen for it. */
  settings?: OrganizationSettingsInit | undefined;
  /** created_at is when it was made. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** etag is another one after each change of state and settings. Set by the service. */
  etag?: string | undefined;
  /**
   * organization_id is the number under which logs and the command line name it. Unset for callers who are no operators.
   */
  organizationId?: number | undefined;
  /**
   * delete_after is when it is deleted unless that is taken back. Unset where it is not to be deleted. Set by the service.
   */
  deleteAfter?: InstantInit | undefined;
}

/**
 * OrganizationSettings are what was chosen for an organization. Answers hold every setting that has a value. In requests
 * what is unset has its default.
 */
export interface OrganizationSettings {
  /** time_zone is the IANA zone of its days, for questions that name none. Unset: UTC. */
  timeZone?: string;
  /** week_start is the day on which weeks begin. Unset: Monday. */
  weekStart?: Weekday;
  /** currency is the code in ISO 4217 of all its money. To change it converts nothing. Unset: USD. */
  currency?: string;
  /**
   * event_retention_days is for how many days raw events are kept: 1 to 36,500. Chosen when the organization is made.
   * Unset: for ever.
   */
  eventRetentionDays?: number;
  /**
   * key_retention_days is for how many days an event that is sent again is recognized: 1 to 36,500. Chosen when the
   * organization is made. Unset: for ever.
   */
  keyRetentionDays?: number;
  /**
   * audit_retention_days is for how many days the audit trail is kept: 1 to 36,500. Operators alone change it. Unset: 400.
   */
  auditRetentionDays?: number;
  /** delivery_retention_days is for how many days messages that were sent are kept: 1 to 36,500. Unset: 90. */
  deliveryRetentionDays?: number;
  /** report_retention_days is for how many days runs of reports and their files are kept: 1 to 36,500. Unset: 90. */
  reportRetentionDays?: number;
  /**
   * keep_user_details keeps what events say about users beside their ids. Chosen when the organization is made. Unset:
   * false.
   */
  keepUserDetails?: boolean;
  /** presence_timeout is after how many hours without an event an agent counts as offline: 1 to 8,784. Unset: 12. */
  presenceTimeout?: number;
  /**
   * storage_rate_micros is the price of a GiB of storage for 30 days, in millionths of the currency. Chosen when the
   * organization is made. Unset: there is no price.
   */
  storageRateMicros?: number;
  /**
   * bandwidth_rate_micros is the price of a GiB of bandwidth, in millionths of the currency. Chosen when the organization
   * is made. Unset: there is no price.
   */
  bandwidthRateMicros?: number;
  /**
   * roi_hourly_cost_micros is what an hour of human work costs that AI agents spare, in millionths of the currency: 0 to
   * 10^12. Unset: 25,000,000.
   */
  roiHourlyCostMicros?: number;
  /**
   * roi_handling_seconds is how many seconds a human would work on a conversation that an AI agent has resolved: 0 to
   * 86,400. Unset: 480.
   */
  roiHandlingSeconds?: number;
  /**
   * roi_conversation_cost_micros is what AI costs for a conversation where none is recorded, in millionths of the currency:
   * 0 to 10^12. Unset: 50,000.
   */
  roiConversationCostMicros?: number;
  /**
   * events_per_second is how many events it may send per second; 0: any number. Operators alone change it. Unset: the
   * operator's default.
   */
  eventsPerSecond?: number;
  /**
   * burst_events is how many events it may send at once after a pause: from 1 on. Operators alone change it. Unset: the
   * operator's default.
   */
  burstEvents?: number;
  /**
   * monthly_events is how many events it may store in a calendar month of UTC; 0: any number. Operators alone change it.
   * Unset: the operator's default.
   */
  monthlyEvents?: number;
  /** weight is its share of the service where several compete for it: 1 to 100. Operators alone change it. Unset: 1. */
  weight?: number;
  /**
   * close_idle_after is after how many minutes without an event the service ends a conversation: 1 to 43,200. Unset: never.
   */
  closeIdleAfter?: number;
  /** erased_user_events is what becomes of later events of a person who was erased. Unset: pseudonymous. */
  erasedUserEvents?: ErasedUserEvents;
  /**
   * secret_keys are names of properties whose values are never stored, beside those that always mean secrets: at most 100.
   */
  secretKeys: string[];
  /**
   * pairs are pairs of dimensions by which figures are kept together, as "agent,channel". Empty when the organization is
   * made: the pairs that the service keeps by default; to have none, change them to none.
   */
  pairs: string[];
  /** audit_reads notes in the audit trail who has read rows about people. Operators alone change it. Unset: true. */
  auditReads?: boolean;
}

/**
 * OrganizationSettings are what was chosen for an organization. Answers hold every setting that has a value. In requests
 * what is unset has its default.
 */
export interface OrganizationSettingsInit {
  /** time_zone is the IANA zone of its days, for questions that name none. Unset: UTC. */
  timeZone?: string | undefined;
  /** week_start is the day on which weeks begin. Unset: Monday. */
  weekStart?: Weekday | undefined;
  /** currency is the code in ISO 4217 of all its money. To change it converts nothing. Unset: USD. */
  currency?: string | undefined;
  /**
   * event_retention_days is for how many days raw events are kept: 1 to 36,500. Chosen when the organization is made.
   * Unset: for ever.
   */
  eventRetentionDays?: number | undefined;
  /**
   * key_retention_days is for how many days an event that is sent again is recognized: 1 to 36,500. Chosen when the
   * organization is made. Unset: for ever.
   */
  keyRetentionDays?: number | undefined;
  /**
   * audit_retention_days is for how many days the audit trail is kept: 1 to 36,500. Operators alone change it. Unset: 400.
   */
  auditRetentionDays?: number | undefined;
  /** delivery_retention_days is for how many days messages that were sent are kept: 1 to 36,500. Unset: 90. */
  deliveryRetentionDays?: number | undefined;
  /** report_retention_days is for how many days runs of reports and their files are kept: 1 to 36,500. Unset: 90. */
  reportRetentionDays?: number | undefined;
  /**
   * keep_user_details keeps what events say about users beside their ids. Chosen when the organization is made. Unset:
   * false.
   */
  keepUserDetails?: boolean | undefined;
  /** presence_timeout is after how many hours without an event an agent counts as offline: 1 to 8,784. Unset: 12. */
  presenceTimeout?: number | undefined;
  /**
   * storage_rate_micros is the price of a GiB of storage for 30 days, in millionths of the currency. Chosen when the
   * organization is made. Unset: there is no price.
   */
  storageRateMicros?: number | bigint | undefined;
  /**
   * bandwidth_rate_micros is the price of a GiB of bandwidth, in millionths of the currency. Chosen when the organization
   * is made. Unset: there is no price.
   */
  bandwidthRateMicros?: number | bigint | undefined;
  /**
   * roi_hourly_cost_micros is what an hour of human work costs that AI agents spare, in millionths of the currency: 0 to
   * 10^12. Unset: 25,000,000.
   */
  roiHourlyCostMicros?: number | bigint | undefined;
  /**
   * roi_handling_seconds is how many seconds a human would work on a conversation that an AI agent has resolved: 0 to
   * 86,400. Unset: 480.
   */
  roiHandlingSeconds?: number | undefined;
  /**
   * roi_conversation_cost_micros is what AI costs for a conversation where none is recorded, in millionths of the currency:
   * 0 to 10^12. Unset: 50,000.
   */
  roiConversationCostMicros?: number | bigint | undefined;
  /**
   * events_per_second is how many events it may send per second; 0: any number. Operators alone change it. Unset: the
   * operator's default.
   */
  eventsPerSecond?: number | undefined;
  /**
   * burst_events is how many events it may send at once after a pause: from 1 on. Operators alone change it. Unset: the
   * operator's default.
   */
  burstEvents?: number | undefined;
  /**
   * monthly_events is how many events it may store in a calendar month of UTC; 0: any number. Operators alone change it.
   * Unset: the operator's default.
   */
  monthlyEvents?: number | bigint | undefined;
  /** weight is its share of the service where several compete for it: 1 to 100. Operators alone change it. Unset: 1. */
  weight?: number | undefined;
  /**
   * close_idle_after is after how many minutes without an event the service ends a conversation: 1 to 43,200. Unset: never.
   */
  closeIdleAfter?: number | undefined;
  /** erased_user_events is what becomes of later events of a person who was erased. Unset: pseudonymous. */
  erasedUserEvents?: ErasedUserEvents | undefined;
  /**
   * secret_keys are names of properties whose values are never stored, beside those that always mean secrets: at most 100.
   */
  secretKeys?: readonly string[] | undefined;
  /**
   * pairs are pairs of dimensions by which figures are kept together, as "agent,channel". Empty when the organization is
   * made: the pairs that the service keeps by default; to have none, change them to none.
   */
  pairs?: readonly string[] | undefined;
  /** audit_reads notes in the audit trail who has read rows about people. Operators alone change it. Unset: true. */
  auditReads?: boolean | undefined;
}

/** CreateOrganizationRequest makes an organization. */
export interface CreateOrganizationRequest {
  /** organization has the name, which is required, and the settings. What the service sets is ignored. */
  organization?: OrganizationInit | undefined;
  /**
   * request_id makes it safe to send the request again: with the same id, name and settings it returns the organization
   * that is there, as it is now. With the same id and something else it fails (ORGANIZATION_EXISTS). At most 128 visible
   * ASCII characters. Unset: a second request fails, since the name is taken.
   */
  requestId?: string | undefined;
}

/** CreateOrganizationResponse holds the organization. */
export interface CreateOrganizationResponse {
  /** organization is the organization. */
  organization?: Organization;
}

/** GetOrganizationRequest names an organization. */
export interface GetOrganizationRequest {
  /** organization is its name. Empty: the caller's own. */
  organization?: string | undefined;
}

/** GetOrganizationResponse holds an organization. */
export interface GetOrganizationResponse {
  /** organization is the organization. */
  organization?: Organization;
}

/** ListOrganizationsRequest asks for a page of organizations. */
export interface ListOrganizationsRequest {
  /** state is the state that they have. Unset: whatever it is. */
  state?: OrganizationState | undefined;
  /** page_size is the most organizations to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before. Everything else but page_size must be as it was then
   * (PAGE_TOKEN_MISMATCH). Unset: the first page.
   */
  pageToken?: string | undefined;
}

/** ListOrganizationsResponse is a page of organizations. */
export interface ListOrganizationsResponse {
  /** organizations are those of the page, oldest first. */
  organizations: Organization[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/** UpdateOrganizationRequest changes settings of an organization. */
export interface UpdateOrganizationRequest {
  /**
   * organization has the name, of which empty means the caller's own, the settings that change, and the etag that they
   * were chosen by (ETAG_MISMATCH). Without an etag whatever was changed meanwhile is overwritten.
   */
  organization?: OrganizationInit | undefined;
  /**
   * update_mask names the settings that change, as "settings.time_zone". One that is named and unset gets its default.
   * Required.
   */
  updateMask?: readonly string[] | undefined;
}

/** UpdateOrganizationResponse holds the organization. */
export interface UpdateOrganizationResponse {
  /** organization is the organization as it is now. */
  organization?: Organization;
}

/** SuspendOrganizationRequest names an organization. */
export interface SuspendOrganizationRequest {
  /** organization is its name. Required. */
  organization?: string | undefined;
}

/** SuspendOrganizationResponse holds the organization. */
export interface SuspendOrganizationResponse {
  /** organization is the organization as it is now. */
  organization?: Organization;
}

/** ResumeOrganizationRequest names an organization. */
export interface ResumeOrganizationRequest {
  /** organization is its name. Required. */
  organization?: string | undefined;
}

/** ResumeOrganizationResponse holds the organization. */
export interface ResumeOrganizationResponse {
  /** organization is the organization as it is now. */
  organization?: Organization;
}

/** DeleteOrganizationRequest names an organization that is to be deleted. */
export interface DeleteOrganizationRequest {
  /** organization is its name. Required. */
  organization?: string | undefined;
  /** grace is for how long the deletion can be taken back: 0 seconds to 90 days. Unset: 7 days. */
  grace?: Milliseconds | undefined;
  /**
   * request_id makes it safe to send the request again, also where another organization has the name by then: with the
   * same id it returns the organization that the first one was about. With the id of the deletion of an organization of
   * another name it fails (INVALID_VALUE). At most 128 visible ASCII characters. Unset: the request is about the
   * organization that has the name now.
   */
  requestId?: string | undefined;
  /** etag is that of the organization as the caller knows it (ETAG_MISMATCH). Unset: however it is. */
  etag?: string | undefined;
}

/** DeleteOrganizationResponse holds the organization. */
export interface DeleteOrganizationResponse {
  /** organization is the organization as it is now. */
  organization?: Organization;
}

/** GetOrganizationDeletionRequest names an organization that is to be deleted, or is. */
export interface GetOrganizationDeletionRequest {
  /**
   * organization is the name that it has or had; of several that had it, it means the one that was deleted last. Required
   * unless there is an organization_id.
   */
  organization?: string | undefined;
  /** organization_id is its number, in place of the name (INVALID_VALUE beside one). Unset: the name says which one. */
  organizationId?: number | undefined;
}

/** GetOrganizationDeletionResponse holds a deletion. */
export interface GetOrganizationDeletionResponse {
  /** deletion is the deletion. */
  deletion?: OrganizationDeletion;
}

/** OrganizationDeletion is the deletion of an organization. */
export interface OrganizationDeletion {
  /** organization_id is the number of the organization, which no other one ever gets. */
  organizationId: number;
  /** name_digest is the SHA-256 of its name in UTF-8: 64 hexadecimal digits. */
  nameDigest: string;
  /** asked_at is when DeleteOrganization was called. */
  askedAt?: Instant;
  /** delete_after is when its grace ends, or has ended. */
  deleteAfter?: Instant;
  /** receipt says what was removed. Unset until all of it is. */
  receipt?: DeletionReceipt;
}

/** DeletionReceipt says what was removed of an organization. */
export interface DeletionReceipt {
  /** rows are how many rows of which tables were removed, by table. */
  rows: RemovedRows[];
  /** files is how many files of reports were removed. */
  files: number;
  /** deleted_at is when nothing was left. */
  deletedAt?: Instant;
  /**
   * signature proves that this deployment made the receipt: 64 hexadecimal digits, an HMAC-SHA256 over all of the above
   * and organization_id, name_digest, asked_at and delete_after. GetOrganizationDeletion makes it anew each time.
   */
  signature: string;
}

/** RemovedRows are rows of a table. */
export interface RemovedRows {
  /** table is the name of a table, such as "events". */
  table: string;
  /** rows is how many of its rows were removed. */
  rows: number;
}

/** ApiKey is an API key, without its secret. */
export interface ApiKey {
  /** key_id is its public id. Set by the service. */
  keyId: string;
  /** name is what it is for: at most 200 characters without control characters. */
  name: string;
  /** scopes are what it may do, as "read". In CreateKey: required unless there is a role (REQUIRED_FIELD). */
  scopes: string[];
  /**
   * role is the name of the role that the scopes were of. In CreateKey: its scopes are those of the key (ROLE_NOT_FOUND),
   * and scopes stay empty (INVALID_VALUE).
   */
  role: string;
  /** restriction is the part of the organization that it may see. Unset: all of it. */
  restriction?: Restriction;
  /** networks are those that calls must come from, in the notation of CIDR: at most 20. Empty: any. */
  networks: string[];
  /**
   * expires_at is when it ends. In CreateKey: later than now (INVALID_VALUE). Unset: never; in CreateKey, with
   * the caller's own key if that ends.
   */
  expiresAt?: Instant;
  /** state says whether it is good. Set by the service. */
  state?: ApiKeyState;
  /** created_at is when it was made. Set by the service. */
  createdAt?: Instant;
  /** revoked_at is when it was revoked. Set by the service. */
  revokedAt?: Instant;
  /** last_used_at is when it was last used, to ten minutes. Unset: never. Set by the service. */
  lastUsedAt?: Instant;
}

/** ApiKey is an API key, without its secret. */
export interface ApiKeyInit {
  /** key_id is its public id. Set by the service. */
  keyId?: string | undefined;
  /** name is what it is for: at most 200 characters without control characters. */
  name?: string | undefined;
  /** scopes are what it may do, as "read". In CreateKey: required unless there is a role (REQUIRED_FIELD). */
  scopes?: readonly string[] | undefined;
  /**
   * role is the name of the role that the scopes were of. In CreateKey: its scopes are those of the key (ROLE_NOT_FOUND),
   * and scopes stay empty (INVALID_VALUE).
   */
  role?: string | undefined;
  /** restriction is the part of the organization that it may see. Unset: all of it. */
  restriction?: RestrictionInit | undefined;
  /** networks are those that calls must come from, in the notation of CIDR: at most 20. Empty: any. */
  networks?: readonly string[] | undefined;
  /**
   * expires_at is when it ends. In CreateKey: later than now (INVALID_VALUE). Unset: never; in CreateKey, with
   * the caller's own key if that ends.
   */
  expiresAt?: InstantInit | undefined;
  /** state says whether it is good. Set by the service. */
  state?: ApiKeyState | undefined;
  /** created_at is when it was made. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** revoked_at is when it was revoked. Set by the service. */
  revokedAt?: InstantInit | undefined;
  /** last_used_at is when it was last used, to ten minutes. Unset: never. Set by the service. */
  lastUsedAt?: InstantInit | undefined;
}

/** CreateKeyRequest makes a key. */
export interface CreateKeyRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** key says what the key may do. Required. What the service sets is ignored. */
  key?: ApiKeyInit | undefined;
  /**
   * request_id makes it safe to send the request again: only one key is made for an id in an organization. Since the
   * secret is not kept, a second request fails with ALREADY_EXISTS (KEY_EXISTS) and tells the id of the key; where the
   * first answer was lost, RotateKey with that id and an overlap of 0 shows another secret. At most 128 visible ASCII
   * characters. Unset: each request makes a key.
   */
  requestId?: string | undefined;
}

/** CreateKeyResponse holds a key and its secret. */
export interface CreateKeyResponse {
  /** key is the key. */
  key?: ApiKey;
  /** secret is what calls send as "authorization: Bearer SECRET". It is shown only now. */
  secret: string;
}

/** ListKeysRequest asks for a page of keys. */
export interface ListKeysRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** include_ended asks for keys that have expired or were revoked, too. */
  includeEnded?: boolean | undefined;
  /** page_size is the most keys to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before. Everything else but page_size must be as it was then
   * (PAGE_TOKEN_MISMATCH). Unset: the first page.
   */
  pageToken?: string | undefined;
}

/** ListKeysResponse is a page of keys. */
export interface ListKeysResponse {
  /** keys are those of the page, oldest first. */
  keys: ApiKey[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/** RotateKeyRequest names a key that gets a successor. */
export interface RotateKeyRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** key_id is the id of the key. Required. */
  keyId?: string | undefined;
  /** overlap is for how long the old key stays good: 0 seconds to 90 days. Unset: a day. */
  overlap?: Milliseconds | undefined;
  /** request_id is as in CreateKey. */
  requestId?: string | undefined;
}

/** RotateKeyResponse holds the new key and its secret. */
export interface RotateKeyResponse {
  /** key is the new key. */
  key?: ApiKey;
  /** secret is that of the new key. It is shown only now. */
  secret: string;
  /** old_key_ends_at is when the old key ends at the latest. */
  oldKeyEndsAt?: Instant;
}

/** RevokeKeyRequest names a key. */
export interface RevokeKeyRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** key_id is the id of the key. Required. */
  keyId?: string | undefined;
}

/** RevokeKeyResponse holds the key. */
export interface RevokeKeyResponse {
  /** key is the key as it is now. */
  key?: ApiKey;
}

/** ListSessionsRequest asks for a page of sessions. */
export interface ListSessionsRequest {
  /** organization is whose sessions. Empty: the caller's own. */
  organization?: string | undefined;
  /** subject has only the sessions of one subject listed, as Session.subject. Empty: of all. */
  subject?: string | undefined;
  /** key_id has only the sessions listed that come from one API key. Empty: all. */
  keyId?: string | undefined;
  /** page_size is the most sessions to return: 1 to 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before. Unset: the first page. */
  pageToken?: string | undefined;
}

/** ListSessionsResponse holds a page of sessions. */
export interface ListSessionsResponse {
  /** sessions are the sessions, the newest first. */
  sessions: SignedInSession[];
  /** next_page_token asks for the next page. Empty: this is the last one. */
  nextPageToken: string;
}

/** RevokeSessionRequest names a session. */
export interface RevokeSessionRequest {
  /** organization is whose session. Empty: the caller's own. */
  organization?: string | undefined;
  /** session_id is its id. Required. */
  sessionId?: string | undefined;
}

/** RevokeSessionResponse holds the session as it is now. */
export interface RevokeSessionResponse {
  /** session is the session. */
  session?: SignedInSession;
}

/** Role is a set of scopes with a name. */
export interface Role {
  /** name is what it is called: a small letter and up to 62 small letters, digits, "_" and "-". Required. */
  name: string;
  /** description says what it is for: at most 200 characters without control characters. */
  description: string;
  /** scopes are what it allows, as "read". Required. */
  scopes: string[];
  /** built_in says that every organization has it. Set by the service. */
  builtIn: boolean;
  /** created_at is when it was made. Unset: it is built in. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when it was changed last. Unset: it is built in. Set by the service. */
  updatedAt?: Instant;
  /** etag is another one after each change. Set by the service. */
  etag: string;
}

/** Role is a set of scopes with a name. */
export interface RoleInit {
  /** name is what it is called: a small letter and up to 62 small letters, digits, "_" and "-". Required. */
  name?: string | undefined;
  /** description says what it is for: at most 200 characters without control characters. */
  description?: string | undefined;
  /** scopes are what it allows, as "read". Required. */
  scopes?: readonly string[] | undefined;
  /** built_in says that every organization has it. Set by the service. */
  builtIn?: boolean | undefined;
  /** created_at is when it was made. Unset: it is built in. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when it was changed last. Unset: it is built in. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** etag is another one after each change. Set by the service. */
  etag?: string | undefined;
}

/** ListRolesRequest asks for roles. */
export interface ListRolesRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
}

/** ListRolesResponse holds roles. */
export interface ListRolesResponse {
  /** roles are all of them: built-in ones first, then the organization's own by name. */
  roles: Role[];
}

/** PutRoleRequest makes or changes a role. */
export interface PutRoleRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /**
   * role is the role. Required. With an etag it must be there and be the one that has that etag (ETAG_MISMATCH); without
   * one it is made, or overwritten.
   */
  role?: RoleInit | undefined;
}

/** PutRoleResponse holds the role. */
export interface PutRoleResponse {
  /** role is the role as it is now. */
  role?: Role;
}

/** DeleteRoleRequest names a role. */
export interface DeleteRoleRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** name is that of the role. Required. */
  name?: string | undefined;
  /** etag is that of the role that is known (ETAG_MISMATCH). Unset: it is deleted whatever it is now. */
  etag?: string | undefined;
}

/** DeleteRoleResponse says that the role is deleted. */
export type DeleteRoleResponse = Readonly<Record<string, never>>;

/** Member is a person of an organization. */
export interface Member {
  /**
   * subject is what the organization's identity provider knows the person by: at most 200 characters without control
   * characters. Required.
   */
  subject: string;
  /** name is what people call them: at most 200 characters without control characters. */
  name: string;
  /** role is the name of a role, built-in or the organization's own. Required. */
  role: string;
  /**
   * restriction is the part of the organization that they may see; none with a role that has the scope admin
   * (INVALID_VALUE). Unset: all of it.
   */
  restriction?: Restriction;
  /** created_at is when they became one. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when this was changed last. Set by the service. */
  updatedAt?: Instant;
  /** etag is another one after each change. Set by the service. */
  etag: string;
}

/** Member is a person of an organization. */
export interface MemberInit {
  /**
   * subject is what the organization's identity provider knows the person by: at most 200 characters without control
   * characters. Required.
   */
  subject?: string | undefined;
  /** name is what people call them: at most 200 characters without control characters. */
  name?: string | undefined;
  /** role is the name of a role, built-in or the organization's own. Required. */
  role?: string | undefined;
  /**
   * restriction is the part of the organization that they may see; none with a role that has the scope admin
   * (INVALID_VALUE). Unset: all of it.
   */
  restriction?: RestrictionInit | undefined;
  /** created_at is when they became one. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when this was changed last. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** etag is another one after each change. Set by the service. */
  etag?: string | undefined;
}

/** ListMembersRequest asks for a page of members. */
export interface ListMembersRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** page_size is the most members to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before. Everything else but page_size must be as it was then
   * (PAGE_TOKEN_MISMATCH). Unset: the first page.
   */
  pageToken?: string | undefined;
}

/** ListMembersResponse is a page of members. */
export interface ListMembersResponse {
  /** members are those of the page, by subject. */
  members: Member[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/** GetMemberRequest names a member. */
export interface GetMemberRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** subject is that of the member. Required. */
  subject?: string | undefined;
}

/** GetMemberResponse holds a member. */
export interface GetMemberResponse {
  /** member is the member. */
  member?: Member;
}

/** PutMemberRequest makes or changes a member. */
export interface PutMemberRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /**
   * member is the member. Required. With an etag it must be there and be the one that has that etag (ETAG_MISMATCH);
   * without one it is made, or overwritten.
   */
  member?: MemberInit | undefined;
}

/** PutMemberResponse holds the member. */
export interface PutMemberResponse {
  /** member is the member as it is now. */
  member?: Member;
}

/** RemoveMemberRequest names a member. */
export interface RemoveMemberRequest {
  /** organization is the name of the organization. Empty: the caller's own. */
  organization?: string | undefined;
  /** subject is that of the member. Required. */
  subject?: string | undefined;
  /** etag is that of the member that is known (ETAG_MISMATCH). Unset: they are removed whatever they are now. */
  etag?: string | undefined;
}

/** RemoveMemberResponse says that the member is removed. */
export type RemoveMemberResponse = Readonly<Record<string, never>>;

/** WorkTask is something that workers do once. */
export interface WorkTask {
  /** task_id names it: a number as text. */
  taskId: string;
  /** kind is what is to be done, as "daily_rollups". */
  kind: string;
  /** organization is the name of the organization that it is for. Empty: it is the service's. */
  organization: string;
  /** state says what has become of it. */
  state?: WorkTaskState;
  /** attempts is how often it was begun. */
  attempts: number;
  /** tries is how often it may fail. */
  tries: number;
  /** progress is the share of the work that is done, from 0 to 1. */
  progress: number;
  /** progress_line says how far it is, in words. May be empty. */
  progressLine: string;
  /** error is why it failed last, in words. Empty: it did not. */
  error: string;
  /** schedule is the name of the schedule that it is a run of. Empty: of none. */
  schedule: string;
  /** created_at is when it was queued. */
  createdAt?: Instant;
  /** run_at is when it is or was due. */
  runAt?: Instant;
  /** started_at is when it was begun last. Unset: not yet. */
  startedAt?: Instant;
  /** ended_at is when it ended. Unset: not yet. */
  endedAt?: Instant;
  /** cancel_requested says that its worker was asked to end it. */
  cancelRequested: boolean;
}

/** ListTasksRequest asks for a page of tasks. */
export interface ListTasksRequest {
  /** organization is the name of the organization. Empty: the caller's own; for an operator everybody's. */
  organization?: string | undefined;
  /** kind is the kind that they have. Empty: whatever it is. */
  kind?: string | undefined;
  /** state is the state that they have. Unset: whatever it is. */
  state?: WorkTaskState | undefined;
  /** page_size is the most tasks to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before. Everything else but page_size must be as it was then
   * (PAGE_TOKEN_MISMATCH). Unset: the first page.
   */
  pageToken?: string | undefined;
}

/** ListTasksResponse is a page of tasks. */
export interface ListTasksResponse {
  /** tasks are those of the page, newest first. */
  tasks: WorkTask[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/** RetryTaskRequest names a task. */
export interface RetryTaskRequest {
  /** organization is the name of the organization. Empty: the caller's own; for an operator whosever it is. */
  organization?: string | undefined;
  /** task_id is that of the task. Required. */
  taskId?: string | undefined;
}

/** RetryTaskResponse holds the task. */
export interface RetryTaskResponse {
  /** task is the task as it is now. */
  task?: WorkTask;
}

/** CancelTaskRequest names a task. */
export interface CancelTaskRequest {
  /** organization is the name of the organization. Empty: the caller's own; for an operator whosever it is. */
  organization?: string | undefined;
  /** task_id is that of the task. Required. */
  taskId?: string | undefined;
}

/** CancelTaskResponse holds the task. */
export interface CancelTaskResponse {
  /** task is the task as it is now. */
  task?: WorkTask;
}

/** WorkSchedule is something that workers do again and again. */
export interface WorkSchedule {
  /** name is what it is called within its organization. */
  name: string;
  /** organization is the name of the organization that it is for. Empty: it is the service's. */
  organization: string;
  /** kind is the kind of its tasks. */
  kind: string;
  /** cron says when, as a cron expression in time_zone. */
  cron: string;
  /** time_zone is the IANA zone of cron. */
  timeZone: string;
  /** next_run_at is when it is due next, unless it is paused. */
  nextRunAt?: Instant;
  /** paused says that it does not run. */
  paused: boolean;
  /** paused_by_operator says that an operator has paused it, and has to let it go on. */
  pausedByOperator: boolean;
  /** running says that a run is under way. */
  running: boolean;
  /** started_at is when its last run was begun. Unset: never. */
  startedAt?: Instant;
  /** finished_at is when a run was last done. Unset: never. */
  finishedAt?: Instant;
  /** failed_at is when a run failed last. Unset: never. */
  failedAt?: Instant;
  /** error is why its last run failed, in words. Empty: it did not. */
  error: string;
  /** runs is how many runs were done. */
  runs: number;
  /** failures is how many runs failed. */
  failures: number;
}

/** ListSchedulesRequest asks for a page of schedules. */
export interface ListSchedulesRequest {
  /**
   * organization is the name of the organization. Empty: the caller's own; for an operator everybody's and the service's.
   */
  organization?: string | undefined;
  /** page_size is the most schedules to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before. Everything else but page_size must be as it was then
   * (PAGE_TOKEN_MISMATCH). Unset: the first page.
   */
  pageToken?: string | undefined;
}

/** ListSchedulesResponse is a page of schedules. */
export interface ListSchedulesResponse {
  /** schedules are those of the page: the service's first, then by organization and name. */
  schedules: WorkSchedule[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/** RunScheduleRequest names a schedule. */
export interface RunScheduleRequest {
  /** organization is the name of the organization. Empty: the caller's own; for an operator the service itself. */
  organization?: string | undefined;
  /** schedule is the name of the schedule. Required. */
  schedule?: string | undefined;
}

/** RunScheduleResponse holds the run. */
export interface RunScheduleResponse {
  /** task is the run. */
  task?: WorkTask;
}

/** PauseScheduleRequest names a schedule. */
export interface PauseScheduleRequest {
  /** organization is the name of the organization. Empty: the caller's own; for an operator the service itself. */
  organization?: string | undefined;
  /** schedule is the name of the schedule. Required. */
  schedule?: string | undefined;
}

/** PauseScheduleResponse holds the schedule. */
export interface PauseScheduleResponse {
  /** schedule is the schedule as it is now. */
  schedule?: WorkSchedule;
}

/** ResumeScheduleRequest names a schedule. */
export interface ResumeScheduleRequest {
  /** organization is the name of the organization. Empty: the caller's own; for an operator the service itself. */
  organization?: string | undefined;
  /** schedule is the name of the schedule. Required. */
  schedule?: string | undefined;
}

/** ResumeScheduleResponse holds the schedule. */
export interface ResumeScheduleResponse {
  /** schedule is the schedule as it is now. */
  schedule?: WorkSchedule;
}

/** OrganizationUsage is what an organization uses. */
export interface OrganizationUsage {
  /** organization is its name. */
  organization: string;
  /** state says whether it may use the service. */
  state?: OrganizationState;
  /** events is how many events it has stored in this calendar month of UTC, as its quota counts them. */
  events: number;
  /** limit is the most events of a month. Unset: there is no limit. */
  limit?: number;
  /** remaining is how many more new events fit. Unset without a limit. */
  remaining?: number;
  /** share is events ÷ limit. Unset without a limit. */
  share?: number;
  /** resets_at is the first instant of the next month, at which events is 0 again. */
  resetsAt?: Instant;
  /**
   * storage is the storage in use by kind, as the organization's events of the type storage.changed tell it. Empty in
   * lists, and where there are no such events.
   */
  storage: StorageUsage[];
}

/** GetUsageRequest names an organization. */
export interface GetUsageRequest {
  /** organization is its name. Empty: the caller's own. */
  organization?: string | undefined;
}

/** GetUsageResponse holds what it uses. */
export interface GetUsageResponse {
  /** usage is what it uses. */
  usage?: OrganizationUsage;
}

/** ListUsageRequest asks for a page of what organizations use. */
export interface ListUsageRequest {
  /** page_size is the most organizations to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before (PAGE_TOKEN_MISMATCH). Unset: the first page. */
  pageToken?: string | undefined;
}

/** ListUsageResponse is a page of what organizations use. */
export interface ListUsageResponse {
  /** usages are those of the page, oldest organizations first. */
  usages: OrganizationUsage[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/**
 * AgentOrder is what agents are put in order by. Agents that are equal in it come by agent_id.
 *
 * - `NAME`: By name, whatever its case; agents without one come last.
 * - `AGENT_ID`: By agent_id, byte by byte.
 * - `LAST_SEEN`: By last_seen_at.
 */
export type AgentOrder =
  | "NAME"
  | "AGENT_ID"
  | "LAST_SEEN"
  | `UNKNOWN_${number}`;

/** Agent is what is known of an agent: what its events have told, and its status now. */
export interface Agent {
  /** agent_id is the agent, as on its events. */
  agentId: string;
  /** name is what people call it: the newest name that was told. Empty: none was. */
  name: string;
  /** kind says whether it is a machine or a human. Unset: that was not told. */
  kind?: AgentKind;
  /** version is the newest release that was told. Empty: none was. */
  version: string;
  /** team_id is the team of the newest agent.created, .updated or .deployed that tells one. Empty: none does. */
  teamId: string;
  /** first_seen_at is when its earliest event occurred. */
  firstSeenAt?: Instant;
  /** last_seen_at is when its latest event occurred. */
  lastSeenAt?: Instant;
  /** created_at is when agent.created was told last. Unset: never. */
  createdAt?: Instant;
  /** deleted_at is when the agent was deleted. Unset: it was not, or it has been created again since. */
  deletedAt?: Instant;
  /**
   * status is the agent's presence at as_of_time: what agent.status_changed told last, or AGENT_STATUS_OFFLINE once
   * nothing was heard of the agent for the organization's presence_timeout (12 hours unless set) after it. Unset: no
   * status was ever told.
   */
  status?: AgentStatus;
  /**
   * status_since is when that status was told, or when the agent began to count as offline. Times without any event are
   * known by the quarter hour, as in available_time_ms. Unset if status is.
   */
  statusSince?: Instant;
}

/** ListAgentsRequest asks for agents. Filters narrow the list together. */
export interface ListAgentsRequestData {
  /**
   * prefix keeps agents whose agent_id begins with it, or whose name does, whatever the case of the name. At most 256
   * bytes.
   */
  prefix: string;
  /** kind keeps agents of one kind. */
  kind?: AgentKind;
  /** team_id keeps agents of one team. At most 256 bytes. */
  teamId: string;
  /** status keeps agents that have this status now. */
  status?: AgentStatus;
  /** deleted keeps agents that were deleted if it is true, and those that were not if it is false. Unset: both. */
  deleted?: boolean;
  /**
   * order_by is the order. Unset: by agent_id. At most 20,000 agents are put in another order, or found by a prefix:
   * where there are more of them the question is refused (TOO_MANY_VALUES). Narrow it by a longer prefix, a kind or a
   * team, or ask for the order by agent_id without a prefix, which has no limit.
   */
  orderBy?: AgentOrder;
  /** direction is the direction of the order. Unset: ascending. */
  direction?: SortDirection;
  /** page_size is the most agents to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize: number;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken: string;
}

/** ListAgentsRequest asks for agents. Filters narrow the list together. */
export interface ListAgentsRequest {
  /**
   * prefix keeps agents whose agent_id begins with it, or whose name does, whatever the case of the name. At most 256
   * bytes.
   */
  prefix?: string | undefined;
  /** kind keeps agents of one kind. */
  kind?: AgentKind | undefined;
  /** team_id keeps agents of one team. At most 256 bytes. */
  teamId?: string | undefined;
  /** status keeps agents that have this status now. */
  status?: AgentStatus | undefined;
  /** deleted keeps agents that were deleted if it is true, and those that were not if it is false. Unset: both. */
  deleted?: boolean | undefined;
  /**
   * order_by is the order. Unset: by agent_id. At most 20,000 agents are put in another order, or found by a prefix:
   * where there are more of them the question is refused (TOO_MANY_VALUES). Narrow it by a longer prefix, a kind or a
   * team, or ask for the order by agent_id without a prefix, which has no limit.
   */
  orderBy?: AgentOrder | undefined;
  /** direction is the direction of the order. Unset: ascending. */
  direction?: SortDirection | undefined;
  /** page_size is the most agents to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
}

/** ListAgentsResponse holds a page of agents. */
export interface ListAgentsResponse {
  /** context says what the answer holds. It has no bounds, since the list is about no period. */
  context?: AnswerContext;
  /**
   * agents are those of the page, in order. A page looks at a bounded number of agents, so it may have fewer than
   * page_size, even none, and still a next page.
   */
  agents: Agent[];
  /**
   * next_page_token asks for the next page. Empty: there is none. The list goes on after the last agent that was looked
   * at: an agent whose place changes between two pages, by its name or its time, may come twice or not at all.
   */
  nextPageToken: string;
}

/** GetAgentRequest asks for one agent. */
export interface GetAgentRequest {
  /** agent_id is the agent, as on its events. Required, at most 256 bytes. */
  agentId?: string | undefined;
}

/** GetAgentResponse holds what is known of an agent. */
export interface GetAgentResponse {
  /** context says what the answer holds. It has no bounds, since the answer is about no period. */
  context?: AnswerContext;
  /** agent is the agent. */
  agent?: Agent;
}

/**
 * AlertBaseline is a comparable window, as long as the rule's own.
 *
 * - `WEEK`: The same time of the week before, by the clock of the rule's zone.
 * - `PREVIOUS`: The window just before.
 * - `DAY`: The same time of the day before, by the clock of the rule's zone.
 * - `FOUR_WEEKS`: The median of the same time of the four weeks before.
 */
export type AlertBaseline =
  | "WEEK"
  | "PREVIOUS"
  | "DAY"
  | "FOUR_WEEKS"
  | `UNKNOWN_${number}`;

/**
 * AlertDirection is the side on which a figure is wrong.
 *
 * - `ABOVE`: Above a limit.
 * - `BELOW`: Below a limit.
 * - `OUTSIDE`: Above an upper limit or below a lower one. With change and anomaly: on either side by as much.
 */
export type AlertDirection =
  | "ABOVE"
  | "BELOW"
  | "OUTSIDE"
  | `UNKNOWN_${number}`;

/**
 * NoDataPolicy says what windows without data mean.
 *
 * - `KEEP`: The state stays as it is.
 * - `ALERT`: The state is NO_DATA, which is an incident.
 * - `OK`: The state is OK.
 */
export type NoDataPolicy =
  | "KEEP"
  | "ALERT"
  | "OK"
  | `UNKNOWN_${number}`;

/**
 * AlertSeverity says how bad it is if a rule's condition holds.
 *
 * - `LOW`: To be looked at some time.
 * - `MEDIUM`: To be looked at today.
 * - `HIGH`: To be looked at now.
 */
export type AlertSeverity =
  | "LOW"
  | "MEDIUM"
  | "HIGH"
  | `UNKNOWN_${number}`;

/**
 * AlertState is how a rule stands, or one value of its dimension.
 *
 * - `OK`: As it should be.
 * - `WARNING`: Beyond the warning.
 * - `ALERT`: Beyond what is critical, or absent.
 * - `NO_DATA`: Without data, which the rule takes for an incident.
 * - `ERROR`: It cannot be looked at: reason says why. Incidents stay as they are.
 */
export type AlertState =
  | "OK"
  | "WARNING"
  | "ALERT"
  | "NO_DATA"
  | "ERROR"
  | `UNKNOWN_${number}`;

/**
 * IncidentCloseReason says why an incident has ended.
 *
 * - `RECOVERED`: The figure is as it should be.
 * - `SILENT`: There was no data for close_after.
 * - `RULE_CHANGED`: The rule was changed, disabled or deleted.
 * - `RESTATED`: Late events have shown that there was nothing wrong.
 */
export type IncidentCloseReason =
  | "RECOVERED"
  | "SILENT"
  | "RULE_CHANGED"
  | "RESTATED"
  | `UNKNOWN_${number}`;

/**
 * IncidentEntryKind is what has happened to an incident.
 *
 * - `OPENED`: It began.
 * - `CHANGED`: Its state changed.
 * - `CLOSED`: It ended.
 * - `REMINDED`: Destinations were reminded.
 * - `ACKNOWLEDGED`: Somebody acknowledged it.
 * - `COMMENTED`: Somebody wrote something.
 * - `UNMUTED`: Destinations were told after the rule was not muted any more.
 */
export type IncidentEntryKind =
  | "OPENED"
  | "CHANGED"
  | "CLOSED"
  | "REMINDED"
  | "ACKNOWLEDGED"
  | "COMMENTED"
  | "UNMUTED"
  | `UNKNOWN_${number}`;

/** AlertRule is a question that is asked again and again, and what is wrong with its answer. */
export interface AlertRule {
  /** rule_id names the rule. Set by the service. */
  ruleId: string;
  /** name is what people call it, at most 200 characters. Required. */
  name: string;
  /** description says what is to be done, at most 2,000 characters. */
  description: string;
  /**
   * metric is the name of a metric with a series (see ListMetrics), of your own ones, too. Required, but for
   * AlertCondition.absence, which looks at events whatever they are.
   */
  metric: string;
  /** filter narrows it to a part of the organization. Unset: the whole organization. */
  filter?: Filter;
  /**
   * group_by is a dimension each of whose values has a state and incidents of its own. It goes with no filter
   * (INVALID_VALUE). Unset: none.
   */
  groupBy: string;
  /**
   * max_values is how many values are looked at, those with most events of the last 7 days: 1 to 100
   * (VALUE_OUT_OF_RANGE). Unset: 20.
   */
  maxValues: number;
  /**
   * window is how much time a figure is about: 1 minute to 31 days, in whole steps (INVALID_DURATION). Unset: 5 minutes,
   * an hour for changes since a day or weeks before, anomalies and forecasts, and 15 minutes for budgets.
   */
  window?: Milliseconds;
  /**
   * step is how often it is looked at: 1, 5, 15, 30 or 60 minutes (INVALID_DURATION), at most the window. Windows end at
   * its multiples. Unset: a minute for windows up to 15 minutes, 5 minutes up to an hour, 15 minutes up to a day, and
   * else an hour; longer where the condition wants that.
   */
  step?: Milliseconds;
  /** condition is what is wrong. Required. */
  condition?: AlertCondition;
  /**
   * hold_for is for how long that has to hold, in all windows that end in this time, until the state changes: 0 to 7 days
   * (INVALID_DURATION). Recovery needs no such time.
   */
  holdFor?: Milliseconds;
  /**
   * minimum_samples is of how many events, calls or whatever its figure is made a window has to be: one of fewer has no
   * data. Unset: 1 for figures that are absent without any, and 0 for counts and sums.
   */
  minimumSamples: number;
  /** no_data says what windows without data mean. Unset: the state stays. */
  noData?: NoDataPolicy;
  /** close_after ends incidents after so long without data: 1 minute to 31 days (INVALID_DURATION). Unset: never. */
  closeAfter?: Milliseconds;
  /**
   * remind_after tells of an incident again each time so much has passed and nobody has acknowledged it: 5 minutes to 31
   * days (INVALID_DURATION). Unset: never.
   */
  remindAfter?: Milliseconds;
  /** severity says how bad it is. Receivers get it; the service does the same for all. */
  severity?: AlertSeverity;
  /** runbook_url says where it is written what to do: http or https, at most 2,000 characters (INVALID_VALUE). */
  runbookUrl: string;
  /**
   * destination_ids are told of each change, at most 20 (TOO_MANY_VALUES, DESTINATION_NOT_FOUND). Empty: the
   * destinations that ask for alerts (see Destination.topics).
   */
  destinationIds: string[];
  /**
   * mute_windows are times in which nobody is told, at most 20 (TOO_MANY_VALUES). What still holds at their end is told
   * then.
   */
  muteWindows: MuteWindow[];
  /** time_zone is whose hours and days are compared, budgets' months, and those of texts. Unset: the organization's. */
  timeZone: string;
  /** disabled says that the rule is not looked at. Its open incidents end. */
  disabled: boolean;
  /**
   * delay is for how long events are waited for after the end of a window: 0 to an hour (INVALID_DURATION). Unset: 10
   * seconds. A count or sum that is above its limit already is told at once.
   */
  delay?: Milliseconds;
  /** owner is the subject that created it. Set by the service. */
  owner: string;
  /** version counts the changes, from 1. Set by the service. */
  version: number;
  /** etag is different after each change. Set by the service. */
  etag: string;
  /** created_at is when it was created. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when it was changed. Set by the service. */
  updatedAt?: Instant;
  /** updated_by is the subject that changed it. Set by the service. */
  updatedBy: string;
  /** snoozed_until is until when it tells nobody. Set by SnoozeAlertRule. */
  snoozedUntil?: Instant;
  /**
   * restriction is the part of the organization that the rule has to be about, whoever changes it: that of the caller who
   * created it. Unset: it may be about anything. Set by the service.
   */
  restriction?: Restriction;
}

/** AlertRule is a question that is asked again and again, and what is wrong with its answer. */
export interface AlertRuleInit {
  /** rule_id names the rule. Set by the service. */
  ruleId?: string | undefined;
  /** name is what people call it, at most 200 characters. Required. */
  name?: string | undefined;
  /** description says what is to be done, at most 2,000 characters. */
  description?: string | undefined;
  /**
   * metric is the name of a metric with a series (see ListMetrics), of your own ones, too. Required, but for
   * AlertCondition.absence, which looks at events whatever they are.
   */
  metric?: string | undefined;
  /** filter narrows it to a part of the organization. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /**
   * group_by is a dimension each of whose values has a state and incidents of its own. It goes with no filter
   * (INVALID_VALUE). Unset: none.
   */
  groupBy?: string | undefined;
  /**
   * max_values is how many values are looked at, those with most events of the last 7 days: 1 to 100
   * (VALUE_OUT_OF_RANGE). Unset: 20.
   */
  maxValues?: number | undefined;
  /**
   * window is how much time a figure is about: 1 minute to 31 days, in whole steps (INVALID_DURATION). Unset: 5 minutes,
   * an hour for changes since a day or weeks before, anomalies and forecasts, and 15 minutes for budgets.
   */
  window?: Milliseconds | undefined;
  /**
   * step is how often it is looked at: 1, 5, 15, 30 or 60 minutes (INVALID_DURATION), at most the window. Windows end at
   * its multiples. Unset: a minute for windows up to 15 minutes, 5 minutes up to an hour, 15 minutes up to a day, and
   * else an hour; longer where the condition wants that.
   */
  step?: Milliseconds | undefined;
  /** condition is what is wrong. Required. */
  condition?: AlertConditionInit | undefined;
  /**
   * hold_for is for how long that has to hold, in all windows that end in this time, until the state changes: 0 to 7 days
   * (INVALID_DURATION). Recovery needs no such time.
   */
  holdFor?: Milliseconds | undefined;
  /**
   * minimum_samples is of how many events, calls or whatever its figure is made a window has to be: one of fewer has no
   * data. Unset: 1 for figures that are absent without any, and 0 for counts and sums.
   */
  minimumSamples?: number | bigint | undefined;
  /** no_data says what windows without data mean. Unset: the state stays. */
  noData?: NoDataPolicy | undefined;
  /** close_after ends incidents after so long without data: 1 minute to 31 days (INVALID_DURATION). Unset: never. */
  closeAfter?: Milliseconds | undefined;
  /**
   * remind_after tells of an incident again each time so much has passed and nobody has acknowledged it: 5 minutes to 31
   * days (INVALID_DURATION). Unset: never.
   */
  remindAfter?: Milliseconds | undefined;
  /** severity says how bad it is. Receivers get it; the service does the same for all. */
  severity?: AlertSeverity | undefined;
  /** runbook_url says where it is written what to do: http or https, at most 2,000 characters (INVALID_VALUE). */
  runbookUrl?: string | undefined;
  /**
   * destination_ids are told of each change, at most 20 (TOO_MANY_VALUES, DESTINATION_NOT_FOUND). Empty: the
   * destinations that ask for alerts (see Destination.topics).
   */
  destinationIds?: readonly string[] | undefined;
  /**
   * mute_windows are times in which nobody is told, at most 20 (TOO_MANY_VALUES). What still holds at their end is told
   * then.
   */
  muteWindows?: readonly MuteWindowInit[] | undefined;
  /** time_zone is whose hours and days are compared, budgets' months, and those of texts. Unset: the organization's. */
  timeZone?: string | undefined;
  /** disabled says that the rule is not looked at. Its open incidents end. */
  disabled?: boolean | undefined;
  /**
   * delay is for how long events are waited for after the end of a window: 0 to an hour (INVALID_DURATION). Unset: 10
   * seconds. A count or sum that is above its limit already is told at once.
   */
  delay?: Milliseconds | undefined;
  /** owner is the subject that created it. Set by the service. */
  owner?: string | undefined;
  /** version counts the changes, from 1. Set by the service. */
  version?: number | bigint | undefined;
  /** etag is different after each change. Set by the service. */
  etag?: string | undefined;
  /** created_at is when it was created. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when it was changed. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** updated_by is the subject that changed it. Set by the service. */
  updatedBy?: string | undefined;
  /** snoozed_until is until when it tells nobody. Set by SnoozeAlertRule. */
  snoozedUntil?: InstantInit | undefined;
  /**
   * restriction is the part of the organization that the rule has to be about, whoever changes it: that of the caller who
   * created it. Unset: it may be about anything. Set by the service.
   */
  restriction?: RestrictionInit | undefined;
}

/** AlertCondition is what is looked at, and from where on it is wrong. */
export interface AlertCondition {
  /** kind is what is compared with the limits. */
  kind?:
    /** value compares the figure itself. */
    | { case: "value"; value: ValueCondition }
    /** change compares by how many percent it differs from that of a comparable window. */
    | { case: "change"; value: ChangeCondition }
    /** anomaly compares how unusual it is, in standard deviations. */
    | { case: "anomaly"; value: AnomalyCondition }
    /** forecast compares what it is going to be. */
    | { case: "forecast"; value: ForecastCondition }
    /** absence is wrong where the window has no events. It has no limits. */
    | { case: "absence"; value: AbsenceCondition }
    /** budget compares which share of a month's budget or quota is used. */
    | { case: "budget"; value: BudgetCondition };
  /** direction says on which side of the limits it is wrong. Required, but for absence; with budget it is ABOVE. */
  direction?: AlertDirection;
  /** warning is the limit beyond which the state is WARNING. At least one of warning and critical is required. */
  warning?: number;
  /**
   * critical is the limit beyond which the state is ALERT. It is not on the milder side of warning (INVALID_VALUE). A
   * rule whose limits no figure can be beyond is not stored (INVALID_VALUE): a share above 1 or below 0, a count that
   * falls by 100 % or more, more than ten budgets.
   */
  critical?: number;
  /**
   * low_warning and low_critical are the lower limits with ALERT_DIRECTION_OUTSIDE, where warning and critical are the
   * upper ones.
   */
  lowWarning?: number;
  /** low_critical: see low_warning. */
  lowCritical?: number;
  /**
   * hysteresis is by how much a limit has to be left behind until it is taken as left, so that a figure about the limit
   * does not tell again and again. Not negative. Unset: 0.
   */
  hysteresis: number;
}

/** AlertCondition is what is looked at, and from where on it is wrong. */
export interface AlertConditionInit {
  /** kind is what is compared with the limits. */
  kind?:
    /** value compares the figure itself. */
    | { case: "value"; value: ValueConditionInit }
    /** change compares by how many percent it differs from that of a comparable window. */
    | { case: "change"; value: ChangeConditionInit }
    /** anomaly compares how unusual it is, in standard deviations. */
    | { case: "anomaly"; value: AnomalyConditionInit }
    /** forecast compares what it is going to be. */
    | { case: "forecast"; value: ForecastConditionInit }
    /** absence is wrong where the window has no events. It has no limits. */
    | { case: "absence"; value: AbsenceConditionInit }
    /** budget compares which share of a month's budget or quota is used. */
    | { case: "budget"; value: BudgetConditionInit }
    | undefined;
  /** direction says on which side of the limits it is wrong. Required, but for absence; with budget it is ABOVE. */
  direction?: AlertDirection | undefined;
  /** warning is the limit beyond which the state is WARNING. At least one of warning and critical is required. */
  warning?: number | undefined;
  /**
   * critical is the limit beyond which the state is ALERT. It is not on the milder side of warning (INVALID_VALUE). A
   * rule whose limits no figure can be beyond is not stored (INVALID_VALUE): a share above 1 or below 0, a count that
   * falls by 100 % or more, more than ten budgets.
   */
  critical?: number | undefined;
  /**
   * low_warning and low_critical are the lower limits with ALERT_DIRECTION_OUTSIDE, where warning and critical are the
   * upper ones.
   */
  lowWarning?: number | undefined;
  /** low_critical: see low_warning. */
  lowCritical?: number | undefined;
  /**
   * hysteresis is by how much a limit has to be left behind until it is taken as left, so that a figure about the limit
   * does not tell again and again. Not negative. Unset: 0.
   */
  hysteresis?: number | undefined;
}

/** ValueCondition compares the figure itself. */
export type ValueCondition = Readonly<Record<string, never>>;

/** ValueCondition compares the figure itself. */
export type ValueConditionInit = Readonly<Record<string, never>>;

/**
 * ChangeCondition compares a figure with that of a comparable window, in percent of that. Without such a figure, or
 * where that is 0, there is no data. With another baseline than the window before steps are of at least 15 minutes
 * (INVALID_DURATION).
 */
export interface ChangeCondition {
  /** baseline is the window that is compared with. Unset: the same time of the week before. */
  baseline?: AlertBaseline;
}

/**
 * ChangeCondition compares a figure with that of a comparable window, in percent of that. Without such a figure, or
 * where that is 0, there is no data. With another baseline than the window before steps are of at least 15 minutes
 * (INVALID_DURATION).
 */
export interface ChangeConditionInit {
  /** baseline is the window that is compared with. Unset: the same time of the week before. */
  baseline?: AlertBaseline | undefined;
}

/**
 * AnomalyCondition compares by how many standard deviations a figure is beside what is usual at this time of the week,
 * as AnomalyService does. It has no data until there are enough earlier weeks or days. Its windows are of 15, 30 or 60
 * minutes, and its steps as long as they are (INVALID_DURATION).
 */
export interface AnomalyCondition {
  /**
   * minimum_effect is the least difference from what is usual that counts: a share of it (0.1 is a tenth), or for metrics
   * that are fractions themselves a distance (0.05 is five points). Not negative (INVALID_VALUE). Unset: 0.
   */
  minimumEffect: number;
}

/**
 * AnomalyCondition compares by how many standard deviations a figure is beside what is usual at this time of the week,
 * as AnomalyService does. It has no data until there are enough earlier weeks or days. Its windows are of 15, 30 or 60
 * minutes, and its steps as long as they are (INVALID_DURATION).
 */
export interface AnomalyConditionInit {
  /**
   * minimum_effect is the least difference from what is usual that counts: a share of it (0.1 is a tenth), or for metrics
   * that are fractions themselves a distance (0.05 is five points). Not negative (INVALID_VALUE). Unset: 0.
   */
  minimumEffect?: number | undefined;
}

/**
 * ForecastCondition compares what the figure is going to be within so many hours: the greatest of its hours or days, or
 * the smallest with ALERT_DIRECTION_BELOW. It needs numpy on workers (FORECAST_NOT_INSTALLED), steps of an hour
 * (INVALID_DURATION), and windows of an hour or a day.
 */
export interface ForecastCondition {
  /** within is how far it looks ahead: 1 hour to 31 days (INVALID_DURATION). Required. */
  within?: Milliseconds;
}

/**
 * ForecastCondition compares what the figure is going to be within so many hours: the greatest of its hours or days, or
 * the smallest with ALERT_DIRECTION_BELOW. It needs numpy on workers (FORECAST_NOT_INSTALLED), steps of an hour
 * (INVALID_DURATION), and windows of an hour or a day.
 */
export interface ForecastConditionInit {
  /** within is how far it looks ahead: 1 hour to 31 days (INVALID_DURATION). Required. */
  within?: Milliseconds | undefined;
}

/** AbsenceCondition is wrong where nothing has come for as long as the window. */
export type AbsenceCondition = Readonly<Record<string, never>>;

/** AbsenceCondition is wrong where nothing has come for as long as the window. */
export type AbsenceConditionInit = Readonly<Record<string, never>>;

/**
 * BudgetCondition compares which share of a budget is used since the month began, in the rule's zone: 0.8 is 80 %. The
 * window is of no account; steps are of at least 15 minutes (INVALID_DURATION). Its limits are above 0.
 */
export interface BudgetCondition {
  /**
   * budget is what may be used in a month, in units of the metric. Unset: the organization's quota of events, and the
   * metric is "events". Without a quota the state is ERROR.
   */
  budget: number;
}

/**
 * BudgetCondition compares which share of a budget is used since the month began, in the rule's zone: 0.8 is 80 %. The
 * window is of no account; steps are of at least 15 minutes (INVALID_DURATION). Its limits are above 0.
 */
export interface BudgetConditionInit {
  /**
   * budget is what may be used in a month, in units of the metric. Unset: the organization's quota of events, and the
   * metric is "events". Without a quota the state is ERROR.
   */
  budget?: number | undefined;
}

/** MuteWindow is a time that comes again and again. */
export interface MuteWindow {
  /** cron says when it begins, in five fields: minute, hour, day of the month, month, day of the week. Required. */
  cron: string;
  /** duration is how long it lasts: 1 minute to 31 days (INVALID_DURATION). Required. */
  duration?: Milliseconds;
  /** time_zone is that of cron. Unset: the rule's. */
  timeZone: string;
}

/** MuteWindow is a time that comes again and again. */
export interface MuteWindowInit {
  /** cron says when it begins, in five fields: minute, hour, day of the month, month, day of the week. Required. */
  cron?: string | undefined;
  /** duration is how long it lasts: 1 minute to 31 days (INVALID_DURATION). Required. */
  duration?: Milliseconds | undefined;
  /** time_zone is that of cron. Unset: the rule's. */
  timeZone?: string | undefined;
}

/** AlertStanding is how a rule stands, or one value of its dimension. */
export interface AlertStanding {
  /** value is that of the rule's dimension. Empty without one. */
  value: string;
  /** state is how it stands. */
  state?: AlertState;
  /** since is the end of the first window with which it stood so. */
  since?: Instant;
  /** reason says why, in words. */
  reason: string;
  /** observation is of the last window that was looked at. */
  observation?: AlertObservation;
  /** incident_id names the open incident. Empty: there is none. */
  incidentId: string;
  /** no_data_since is the end of the first window since which there was no data. Unset: there is. */
  noDataSince?: Instant;
}

/** AlertObservation is what a window came to. */
export interface AlertObservation {
  /** window_end is the first instant after the window. */
  windowEnd?: Instant;
  /** figure is the metric's figure in the window. Unset: it cannot be computed. */
  figure?: number;
  /**
   * measured is what is compared with the limits: the figure, a change in percent, a number of standard deviations, a
   * forecast, or a share. Unset: there is no data.
   */
  measured?: number;
  /** samples is of how many events or values the figure is made. */
  samples: number;
  /** low and high are what is usual, where the rule looks for anomalies. */
  low?: number;
  /** high: see low. */
  high?: number;
  /** level is how the state would be if nothing had to hold for longer: OK, WARNING, ALERT, NO_DATA or ERROR. */
  level?: AlertState;
  /** reason says why, in words. */
  reason: string;
}

/**
 * Incident is the time from which on a rule, or a value of its dimension, was not as it should be, until it was again.
 */
export interface Incident {
  /** incident_id names the incident. Empty in backtests. */
  incidentId: string;
  /** rule_id names the rule, which may have been deleted since. */
  ruleId: string;
  /** rule_name is what the rule was called. */
  ruleName: string;
  /** value is that of the rule's dimension. Empty without one. */
  value: string;
  /** state is how it stands: OK if it has ended. */
  state?: AlertState;
  /** worst is the worst state that it had. */
  worst?: AlertState;
  /** severity is the rule's. */
  severity?: AlertSeverity;
  /** opened_at is the end of the window that began it. */
  openedAt?: Instant;
  /** detected_at is when the service found it. Unset in backtests. */
  detectedAt?: Instant;
  /** closed_at is the end of the window that ended it. Unset: it is open. */
  closedAt?: Instant;
  /** close_reason says why it has ended. */
  closeReason?: IncidentCloseReason;
  /** peak is what was measured farthest beyond the limits. Unset: there was no data. */
  peak?: number;
  /** peak_at is the end of that window. */
  peakAt?: Instant;
  /** acknowledged_by is the subject that acknowledged it. Empty: nobody has. */
  acknowledgedBy: string;
  /** acknowledged_at is when. */
  acknowledgedAt?: Instant;
  /** restated says that late events have changed when it began or ended. */
  restated: boolean;
  /** reason says in words what was wrong when it began. */
  reason: string;
  /** restriction is that of its rule when the incident began. Unset: none. */
  restriction?: Restriction;
}

/** IncidentEntry is something that has happened to an incident. */
export interface IncidentEntry {
  /** number counts the entries, from 1. */
  number: number;
  /** recorded_at is when it was recorded. */
  recordedAt?: Instant;
  /** kind is what it is. */
  kind?: IncidentEntryKind;
  /** state is how the incident stood from then on. */
  state?: AlertState;
  /** window_end is the end of the window that decided it. Unset for what people did. */
  windowEnd?: Instant;
  /** measured is what was compared with the limits. Unset: there was no data, or people did it. */
  measured?: number;
  /** text says why, or is what somebody wrote. */
  text: string;
  /** by is the subject of who did it. Empty: the service. */
  by: string;
  /** restated says that late events have led to it. */
  restated: boolean;
  /** muted says that nobody was told, since the rule was muted or snoozed. */
  muted: boolean;
}

/** CreateAlertRuleRequest stores a rule. */
export interface CreateAlertRuleRequest {
  /** rule is what is stored. What the service sets is ignored. Required. */
  rule?: AlertRuleInit | undefined;
}

/** CreateAlertRuleResponse holds the rule. */
export interface CreateAlertRuleResponse {
  /** rule is as it was stored. */
  rule?: AlertRule;
}

/** GetAlertRuleRequest asks for a rule. */
export interface GetAlertRuleRequest {
  /** rule_id names it. Required. */
  ruleId?: string | undefined;
}

/** GetAlertRuleResponse holds a rule. */
export interface GetAlertRuleResponse {
  /** rule is the rule. */
  rule?: AlertRule;
  /** standings are how it stands, the worst first. */
  standings: AlertStanding[];
  /** destination_count is how many destinations are told of what it finds (see AlertRuleSummary). */
  destinationCount: number;
}

/** ListAlertRulesRequest asks for all rules. */
export type ListAlertRulesRequest = Readonly<Record<string, never>>;

/** ListAlertRulesResponse holds rules. */
export interface ListAlertRulesResponse {
  /** rules are all of them, by name. */
  rules: AlertRuleSummary[];
}

/** AlertRuleSummary is a rule and how it stands. */
export interface AlertRuleSummary {
  /** rule is the rule. */
  rule?: AlertRule;
  /** worst is how it stands, or the worst of its dimension's values. */
  worst?: AlertStanding;
  /** open_incidents is how many there are. */
  openIncidents: number;
  /**
   * destination_count is how many destinations are told of what it finds: those of its own that there still are, or those
   * that ask for alerts if it names none. With 0 nobody is told.
   */
  destinationCount: number;
}

/** UpdateAlertRuleRequest changes a rule. */
export interface UpdateAlertRuleRequest {
  /**
   * rule is what it is from now on, as a whole; rule_id says which, and etag which version was read (ETAG_MISMATCH).
   * Without an etag whatever was changed meanwhile is overwritten. Required.
   */
  rule?: AlertRuleInit | undefined;
}

/** UpdateAlertRuleResponse holds the rule. */
export interface UpdateAlertRuleResponse {
  /** rule is as it was stored. */
  rule?: AlertRule;
}

/** DeleteAlertRuleRequest deletes a rule. */
export interface DeleteAlertRuleRequest {
  /** rule_id names it. Required. */
  ruleId?: string | undefined;
  /** etag is that of the version that is known (ETAG_MISMATCH). Unset: it is deleted whatever it is now. */
  etag?: string | undefined;
}

/** DeleteAlertRuleResponse says that it is deleted. */
export type DeleteAlertRuleResponse = Readonly<Record<string, never>>;

/** SnoozeAlertRuleRequest keeps a rule from telling anybody. */
export interface SnoozeAlertRuleRequest {
  /** rule_id names it. Required. */
  ruleId?: string | undefined;
  /** until is until when, at most 31 days ahead (TIME_IN_FUTURE). Unset: it tells again from now on. */
  until?: InstantInit | undefined;
}

/** SnoozeAlertRuleResponse holds the rule. */
export interface SnoozeAlertRuleResponse {
  /** rule is as it is now. */
  rule?: AlertRule;
}

/** TestAlertRuleRequest looks at a rule now. */
export interface TestAlertRuleRequest {
  /** rule is what is looked at; it need not be stored. Required. */
  rule?: AlertRuleInit | undefined;
}

/** TestAlertRuleResponse holds what was found. */
export interface TestAlertRuleResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** values are the last windows of the rule, or of each value of its dimension, the worst first. */
  values: AlertTestValue[];
}

/** AlertTestValue is what was found of a rule, or of a value of its dimension. */
export interface AlertTestValue {
  /** value is that of the rule's dimension. Empty without one. */
  value: string;
  /** observations are the last windows, oldest first, at most 120. The last one ended most recently. */
  observations: AlertObservation[];
  /** state is how it would stand if it had been looked at in these windows. */
  state?: AlertState;
}

/** BacktestAlertRuleRequest asks what a rule would have found. */
export interface BacktestAlertRuleRequest {
  /** rule is what is looked at; it need not be stored. Required. */
  rule?: AlertRuleInit | undefined;
  /** time_range holds the ends of the windows, at most 400 days (TIME_RANGE_TOO_LARGE). Required. */
  timeRange?: TimeRangeInit | undefined;
  /** include_observations asks for the windows themselves, as far as there is room for them. */
  includeObservations?: boolean | undefined;
}

/** BacktestAlertRuleResponse holds what a rule would have found. */
export interface BacktestAlertRuleResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** incidents are those that there would have been, oldest first, at most 1,000. */
  incidents: Incident[];
  /** total_incidents is how many there would have been. */
  totalIncidents: number;
  /** open_time is how long there was an incident of any value, all together. */
  openTime?: Milliseconds;
  /** windows is how many were looked at, over all values. */
  windows: number;
  /** windows_without_data is how many of them had no data. */
  windowsWithoutData: number;
  /** notifications is how many messages each destination would have got, without reminders. */
  notifications: number;
  /**
   * observations are windows of the rule, or of the value with most incidents: at most 2,000, in steps that leave out
   * as few as needed, and each one in which the level changes. Oldest first.
   */
  observations: AlertObservation[];
  /** observed_value is the value of the rule's dimension that they are of. */
  observedValue: string;
}

/** ListIncidentsRequest asks for incidents. */
export interface ListIncidentsRequest {
  /** rule_id leaves those of other rules out. */
  ruleId?: string | undefined;
  /** only_open leaves out those that have ended. */
  onlyOpen?: boolean | undefined;
  /** time_range leaves out those that were open at no instant of it. */
  timeRange?: TimeRangeInit | undefined;
  /** page_size is how many are wanted, 1 to 500 (VALUE_OUT_OF_RANGE). Unset: 50. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before, with everything else as before (PAGE_TOKEN_INVALID). */
  pageToken?: string | undefined;
}

/** ListIncidentsResponse holds incidents. */
export interface ListIncidentsResponse {
  /** incidents are newest first. */
  incidents: Incident[];
  /** next_page_token asks for the next page. Empty: this is the last one. */
  nextPageToken: string;
}

/** GetIncidentRequest asks for an incident. */
export interface GetIncidentRequest {
  /** incident_id names it. Required. */
  incidentId?: string | undefined;
}

/** GetIncidentResponse holds an incident. */
export interface GetIncidentResponse {
  /** incident is the incident. */
  incident?: Incident;
  /** entries are what has happened to it, oldest first: at most 1,000 of the service and 200 comments. */
  entries: IncidentEntry[];
}

/** AcknowledgeIncidentRequest says that somebody is at work on an incident. */
export interface AcknowledgeIncidentRequest {
  /** incident_id names it. Required. */
  incidentId?: string | undefined;
  /** comment is a line beside it, at most 2,000 characters. */
  comment?: string | undefined;
}

/** AcknowledgeIncidentResponse holds the incident. */
export interface AcknowledgeIncidentResponse {
  /** incident is as it is now. */
  incident?: Incident;
}

/** CommentIncidentRequest adds a line to an incident. */
export interface CommentIncidentRequest {
  /** incident_id names it. Required. */
  incidentId?: string | undefined;
  /** text is the line, at most 2,000 characters. Required. An incident has at most 200 of them (ALERT_RULE_LIMIT). */
  text?: string | undefined;
}

/** CommentIncidentResponse holds the entry. */
export interface CommentIncidentResponse {
  /** entry is the line as it was stored. */
  entry?: IncidentEntry;
}

/** WatchAlertsRequest asks to be told of states. */
export type WatchAlertsRequest = Readonly<Record<string, never>>;

/** WatchAlertsResponse is how all rules of the organization stand. */
export interface WatchAlertsResponse {
  /** ok is how many rules and values are in the state OK. */
  ok: number;
  /** warning is how many are in the state WARNING. */
  warning: number;
  /** alert is how many are in the state ALERT. */
  alert: number;
  /** no_data is how many are in the state NO_DATA. */
  noData: number;
  /** error is how many are in the state ERROR. */
  error: number;
  /** incidents are the open ones, newest first, at most 100. */
  incidents: Incident[];
  /** open_incidents is how many there are. */
  openIncidents: number;
  /** at is when they stood so. */
  at?: Instant;
  /**
   * restriction is the part of the organization that the caller may see: all of these are about it. Unset: the caller may
   * see everything.
   */
  restriction?: Restriction;
}

/**
 * AnomalySensitivity is how unusual a bucket must be, in standard deviations of a normal distribution.
 *
 * - `LOW`: Five: hardly ever by chance.
 * - `MEDIUM`: Four: by chance in six of 100,000 buckets.
 * - `HIGH`: Three: by chance in three of 1,000 buckets.
 */
export type AnomalySensitivity =
  | "LOW"
  | "MEDIUM"
  | "HIGH"
  | `UNKNOWN_${number}`;

/**
 * AnomalyDirection is a side of what is usual.
 *
 * - `ABOVE`: More than usual.
 * - `BELOW`: Less than usual.
 */
export type AnomalyDirection =
  | "ABOVE"
  | "BELOW"
  | `UNKNOWN_${number}`;

/**
 * AnomalyOrder is an order of anomalies.
 *
 * - `NEWEST`: The latest beginning first.
 * - `STRONGEST`: The greatest score first.
 */
export type AnomalyOrder =
  | "NEWEST"
  | "STRONGEST"
  | `UNKNOWN_${number}`;

/**
 * AnomalyMethod is a way to tell how unusual a bucket is.
 *
 * - `ROBUST_Z`: The distance to the median in standard deviations that are taken from median distances.
 * - `POISSON`: A count as rare events have it, after the mean of the ones before.
 * - `BINOMIAL`: A share of few trials, after the mean share of the ones before.
 * - `EWMA`: A moving average of the latest buckets, which is unusual although none of them needs to be.
 */
export type AnomalyMethod =
  | "ROBUST_Z"
  | "POISSON"
  | "BINOMIAL"
  | "EWMA"
  | `UNKNOWN_${number}`;

/**
 * AnomalySeason is which earlier buckets stand for what is usual.
 *
 * - `ALL`: All before it.
 * - `HOUR_OF_WORKING_DAYS`: The same hour of working days, Monday to Friday.
 * - `HOUR_OF_WEEKENDS`: The same hour of Saturdays and Sundays.
 * - `DAY_OF_WEEK`: The same day of the week.
 * - `HOUR_OF_WEEK`: The same hour of the same day of the week.
 */
export type AnomalySeason =
  | "ALL"
  | "HOUR_OF_WORKING_DAYS"
  | "HOUR_OF_WEEKENDS"
  | "DAY_OF_WEEK"
  | "HOUR_OF_WEEK"
  | `UNKNOWN_${number}`;

/** ListAnomaliesRequest asks what is unusual. */
export interface ListAnomaliesRequest {
  /**
   * time_range is the period whose buckets are judged. What came before it is read as history: up to eight weeks, of
   * weeks and months up to 26 buckets. Required.
   */
  timeRange?: TimeRangeInit | undefined;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /** metrics are the names of at most 20 metrics with a series (see ListMetrics). Required. */
  metrics?: readonly string[] | undefined;
  /** group_by names a dimension each of whose values is judged, too, beside the whole. Empty: the whole alone. */
  groupBy?: string | undefined;
  /**
   * values is how many values of group_by are judged, those with the most of the first metric in the period: 1 to 20.
   * Unset: 10.
   */
  values?: number | undefined;
  /**
   * granularity is the width of buckets: quarters of an hour to months. Unset: hours up to 31 days, days up to 400
   * days, else weeks. The period and its history have at most 2,000 buckets, so that history becomes shorter as the
   * period becomes longer; and all series together at most 40,000 (TOO_MANY_POINTS).
   */
  granularity?: Granularity | undefined;
  /** sensitivity says how unusual a bucket must be. Unset: ANOMALY_SENSITIVITY_MEDIUM. */
  sensitivity?: AnomalySensitivity | undefined;
  /** sigmas is the same as a number of standard deviations, from 2 to 20, in place of sensitivity. */
  sigmas?: number | undefined;
  /**
   * minimum_effect leaves out what is unusual and yet small: the least distance from what was expected, as a share of
   * it (0.1: a tenth), and of fractions as a difference (0.05: five points). From 0 to 100. Unset: 0.
   */
  minimumEffect?: number | undefined;
  /** direction is which side is of interest. Unset: both. */
  direction?: AnomalyDirection | undefined;
  /** order is the order of the answer. Unset: ANOMALY_ORDER_NEWEST. */
  order?: AnomalyOrder | undefined;
  /** limit is the most anomalies of the answer: 1 to 1,000. Unset: 50. */
  limit?: number | undefined;
}

/** ListAnomaliesResponse holds anomalies. */
export interface ListAnomaliesResponse {
  /** context says what was judged. */
  context?: AnswerContext;
  /** anomalies are in the order asked for. */
  anomalies: Anomaly[];
  /** total is how many there are, those beyond the limit included. */
  total: number;
  /** granularity is the width of buckets. */
  granularity?: Granularity;
  /** history_start is where the history begins that was read. */
  historyStart?: Instant;
  /** series is how many series were looked at: one of each metric for the whole and for each value. */
  series: number;
  /**
   * unjudged_series is how many of these could not be judged in any bucket, because they have too little history or no
   * values.
   */
  unjudgedSeries: number;
}

/** Anomaly is a run of buckets of one series that are unusual on the same side. */
export interface Anomaly {
  /** metric is what is unusual. */
  metric?: MetricColumn;
  /** value is the value of group_by whose series this is. Empty: that of the whole. */
  value: string;
  /** display_name is what people call the value, where that is known. */
  displayName: string;
  /** start is the first instant of the first unusual bucket. */
  start?: Instant;
  /** end is the first instant after the last one. */
  end?: Instant;
  /**
   * buckets is how many buckets between them are unusual. One bucket as usual between two of them does not end a run.
   */
  buckets: number;
  /** peak is the most unusual bucket, which the fields from here on are about. */
  peak?: Bucket;
  /** figure is its figure. */
  figure?: SeriesValue;
  /** expected is what was expected, in the unit of the metric. */
  expected: number;
  /** low is the lower end of what is usual at the sensitivity asked for. */
  low: number;
  /** high is the upper end. */
  high: number;
  /** score is how unusual the bucket is in standard deviations, negative below the usual; from -99 to 99. */
  score: number;
  /** direction is the side on which it is unusual. */
  direction?: AnomalyDirection;
  /** method is what told so. */
  method?: AnomalyMethod;
  /** basis is what it was compared with. */
  basis?: AnomalyBasis;
  /** explanation says the same in an English sentence: "5.2 σ above the usual 340–410 for Tuesdays 14:00". */
  explanation: string;
}

/** AnomalyBasis is what a bucket was compared with. */
export interface AnomalyBasis {
  /** season says which buckets. */
  season?: AnomalySeason;
  /** buckets is how many these were. */
  buckets: number;
  /** weekday is the day of the week in the time zone, where season names one. */
  weekday?: Weekday;
  /** hour is the hour of the day in the time zone, 0 to 23, where season names one. */
  hour?: number;
}

/** ListChangesRequest asks what has changed. */
export interface ListChangesRequest {
  /**
   * time_range is the period. Of one that is still running, as much as has passed is compared, in whole quarter hours.
   * Required.
   */
  timeRange?: TimeRangeInit | undefined;
  /** filter narrows the question to one value of a dimension. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /** metrics are the names of at most 20 metrics that add up, or ratios of such. Required. */
  metrics?: readonly string[] | undefined;
  /**
   * group_by names at most five dimensions, each of which is an account of the change of its own. What it names
   * together with filter must be kept (PAIR_NOT_KEPT). All accounts of all metrics together read at most 20,000 figures
   * of values, now and before (TOO_MANY_VALUES). Required.
   */
  groupBy?: readonly string[] | undefined;
  /** comparison says with which earlier period. Unset: COMPARISON_MODE_PREVIOUS_PERIOD. */
  comparison?: ComparisonInit | undefined;
  /** limit is the most rows of each account: 1 to 50. Unset: 5. */
  limit?: number | undefined;
}

/** ListChangesResponse holds changes. */
export interface ListChangesResponse {
  /** context says what was counted. Its end is where what is compared ends, if the period is still running. */
  context?: AnswerContext;
  /**
   * compared says which earlier period was compared. Where it has an absence_reason, there is nothing to compare with,
   * and metrics have no accounts.
   */
  compared?: ComparedPeriod;
  /** metrics are in the order asked for. */
  metrics: MetricChange[];
}

/** MetricChange is what a metric has changed by. */
export interface MetricChange {
  /** metric is what has changed. */
  metric?: MetricColumn;
  /** now is the figure of the period: that of QueryMetrics for the bounds in context. */
  now?: SeriesValue;
  /** before is the figure of the earlier period. Unset without one. */
  before?: SeriesValue;
  /** change is now less before. Unset where one of them is absent: then there are no accounts. */
  change?: SeriesValue;
  /** accounts are one for each dimension of group_by, in its order. */
  accounts: ChangeAccount[];
}

/**
 * ChangeAccount says what a change is made of, by the values of a dimension: the contributions of rows, rest and other
 * add up to it.
 */
export interface ChangeAccount {
  /** dimension is the one of group_by. */
  dimension: string;
  /** absence_reason says why there are no rows: ABSENCE_REASON_NOT_KEPT if the metric is not kept by the dimension. */
  absenceReason?: AbsenceReason;
  /** rows are the values that have contributed most, the greatest first whether up or down. */
  rows: Contribution[];
  /** rest is what values without a row have contributed, and what carries no value of the dimension. */
  rest?: Contribution;
  /**
   * other is what values without figures of their own have contributed: those that were first seen after the
   * organization's limit of distinct values was reached. Unset where there are none.
   */
  other?: Contribution;
  /**
   * complete is whether no value without a row has contributed more than one with a row. It is not certain where a
   * dimension has more than 400 values in both periods, and the greatest contributions are small beside the figures.
   */
  complete: boolean;
}

/** Contribution is what a value, or several together, have contributed to a change. */
export interface Contribution {
  /** value is the value of the dimension. Empty for rest and other. */
  value: string;
  /** display_name is what people call it, where that is known. */
  displayName: string;
  /** now is its own figure in the period. Absent where it cannot be computed. */
  now?: SeriesValue;
  /** before is its own figure in the earlier period. */
  before?: SeriesValue;
  /** change is what it has contributed, in the unit of the metric. */
  change?: SeriesValue;
  /** mix is the part of change that comes from how much of the whole it is: of its weight. Ratios alone. */
  mix?: number;
  /** rate is the part of change that comes from its own ratio. mix and rate are change. Ratios alone. */
  rate?: number;
  /** weight_now is its share of the ratio's denominator in the period. Ratios alone. */
  weightNow?: number;
  /** weight_before is its share in the earlier period. Ratios alone. */
  weightBefore?: number;
}

/**
 * DifferenceKind is what does not agree with what.
 *
 * - `FIGURE`: A stored figure with the raw events.
 * - `ROLLUP`: A rollup of a wide bucket with the finer ones of the same time.
 * - `REALTIME`: A realtime figure of a minute with the raw events.
 * - `CLOSING`: Recorded closing and reopening events of conversations with the raw ones.
 * - `OUTCOME`: Recorded outcomes of conversations with those of their closing events.
 * - `MESSAGES`: Recorded messages of conversations, their tokens and their cost with the raw ones.
 * - `BEGINNING`: Recorded beginnings of conversations with raw events.
 * - `TOPIC`: Recorded topics of conversations with raw events.
 * - `LEAD`: Recorded leads with raw events.
 * - `KEY`: Raw events whose ids are not among the ids that are kept.
 * - `AGENT`: What is recorded of agents with raw events.
 * - `USER`: What is recorded of users and their days with raw events.
 * - `REVIEWS`: Recorded ratings, scores and content gaps of conversations with raw events.
 * - `CONTENT_GAP`: What is recorded of topics of content gaps with raw events.
 */
export type DifferenceKind =
  | "FIGURE"
  | "ROLLUP"
  | "REALTIME"
  | "CLOSING"
  | "OUTCOME"
  | "MESSAGES"
  | "BEGINNING"
  | "TOPIC"
  | "LEAD"
  | "KEY"
  | "AGENT"
  | "USER"
  | "REVIEWS"
  | "CONTENT_GAP"
  | `UNKNOWN_${number}`;

/**
 * FigurePart is the part of a measure that a difference is about.
 *
 * - `COUNT`: How often it was counted.
 * - `SUM`: The sum of its values.
 * - `HISTOGRAM`: How many values its histogram has. They can be as many on both sides, and lie in other bins.
 * - `DISTINCT`: How many distinct values there are. They can be as many on both sides, and be others.
 */
export type FigurePart =
  | "COUNT"
  | "SUM"
  | "HISTOGRAM"
  | "DISTINCT"
  | `UNKNOWN_${number}`;

/**
 * ActorKind is who can have done something.
 *
 * - `API_KEY`: An API key of the organization.
 * - `OPERATOR`: An operator of the deployment, at the command line.
 * - `SERVICE`: The service by itself.
 * - `IDENTITY`: Somebody with a token of the organization's identity provider.
 * - `CERTIFICATE`: A program by its client certificate.
 */
export type ActorKind =
  | "API_KEY"
  | "OPERATOR"
  | "SERVICE"
  | "IDENTITY"
  | "CERTIFICATE"
  | `UNKNOWN_${number}`;

/** VerifyMetricsRequest asks for a verification. */
export interface VerifyMetricsRequest {
  /** time_range is the period. Required. Its bounds are moved outward to whole hours of UTC. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * dimension is the name of the only dimension, or pair of dimensions, whose figures are compared, for example "agent",
   * or "total" for the organization as a whole. Unset: all of them. Another name is refused (UNKNOWN_DIMENSION).
   */
  dimension?: string | undefined;
  /** max_differences is how many differences the result may list: 1 to 1,000. Unset: 100. All of them are counted. */
  maxDifferences?: number | undefined;
}

/** VerifyMetricsResponse is a message of a verification. */
export interface VerifyMetricsResponse {
  /** message is what it says. */
  message?:
    /** progress tells how far it is. */
    | { case: "progress"; value: VerificationProgress }
    /** result is what came of it. It is the last message. */
    | { case: "result"; value: VerificationResult };
}

/** VerificationProgress tells how far a verification or a repair is. */
export interface VerificationProgress {
  /** covered is the share of the period's events that was looked at, from 0 to 1. */
  covered: number;
  /** until is the end of what was looked at. */
  until?: Instant;
  /** events is how many raw events were counted again. */
  events: number;
  /** cells is how many cells were compared. */
  cells: number;
  /** difference_count is how many differences were found. */
  differenceCount: number;
}

/** VerificationResult is what came of a verification. */
export interface VerificationResult {
  /** context says what was verified. as_of_revision is that of the last window. */
  context?: AnswerContext;
  /**
   * first_revision is the revision of the first window. Where it is as_of_revision, all of the verification is of that
   * revision.
   */
  firstRevision: number;
  /** events is how many raw events were counted again. */
  events: number;
  /** cells is how many cells were compared. */
  cells: number;
  /** difference_count is how many differences were found. 0: every figure is what raw events say. */
  differenceCount: number;
  /** differences are the first of them. */
  differences: MetricDifference[];
  /**
   * digest is the SHA-256 of the stored figures of the period, in hexadecimal digits: over each quarter hour, dimension,
   * value and measure, whatever is folded. Two deployments, or two times, that have the same digest have the same
   * figures. Of distinct values (users, agents) it knows the numbers in each cell. Which values are counted under _other
   * depends on the order of arrival, and so does the digest where there are such values.
   */
  digest: string;
  /** seconds is how long it took. */
  seconds: number;
  /**
   * unverifiable_until is the time before which raw events may be gone; what is stored of the time before it is in the
   * digest and was not compared. Unset: raw events of the whole period are there.
   */
  unverifiableUntil?: Instant;
  /**
   * unverified names what else was not compared, as pairs of dimensions whose earlier figures are still being counted.
   */
  unverified: string[];
  /**
   * is_realtime_verified says whether the period reaches into the last hour, so that realtime figures were compared.
   */
  isRealtimeVerified: boolean;
}

/** MetricDifference is something that does not agree. */
export interface MetricDifference {
  /** kind is what does not agree with what. */
  kind?: DifferenceKind;
  /** bucket_start is the beginning of the bucket; of conversations, leads, agents, users and ids that of the window. */
  bucketStart?: Instant;
  /** bucket_seconds is the width of the bucket; 0 for what is no figure. */
  bucketSeconds: number;
  /** dimension is the name of the dimension, or pair of dimensions, of a figure. */
  dimension: string;
  /**
   * value is the value of the dimension; empty for the organization as a whole. Of a pair: both, with a line feed between.
   */
  value: string;
  /** measure is the name of the measure. */
  measure: string;
  /** part is the part of the measure. */
  part?: FigurePart;
  /** stored is what is stored. */
  stored: number;
  /** expected is what raw events come to. */
  expected: number;
  /** count is how many conversations, leads, agents, users or ids of the window do not agree; 1 of a figure. */
  count: number;
}

/** RepairMetricsRequest asks for a repair. */
export interface RepairMetricsRequest {
  /** time_range is the period. Required. Its bounds are moved outward to whole hours of UTC. */
  timeRange?: TimeRangeInit | undefined;
  /** dimension is the name of the only dimension, or pair of dimensions, to mend. Unset: all of them. */
  dimension?: string | undefined;
}

/** RepairMetricsResponse is a message of a repair. */
export interface RepairMetricsResponse {
  /** message is what it says. */
  message?:
    /** progress tells how far it is. */
    | { case: "progress"; value: VerificationProgress }
    /** result is what came of it. It is the last message. */
    | { case: "result"; value: RepairResult };
}

/** RepairResult is what came of a repair. */
export interface RepairResult {
  /** context says what was mended. as_of_revision is the newest revision after it. */
  context?: AnswerContext;
  /** cells is how many cells were compared. */
  cells: number;
  /** repaired_cells is how many cells were mended by adding what was missing and taking out what was too much. */
  repairedCells: number;
  /** rewritten_rollups is how many stored rows were written anew: of sets with values too many, and of wide buckets. */
  rewrittenRollups: number;
  /** repaired_minutes is how many minutes of realtime figures were mended. */
  repairedMinutes: number;
  /** revisions are those in which figures were mended, the first 1,000 of them. */
  revisions: number[];
  /** audit_entries are the numbers of the audit trail's entries about it, the first 1,000 of them. */
  auditEntries: number[];
  /**
   * needs_rebuild names the projections (conversations, leads, agents, users) that do not agree with raw events. A
   * repair does not mend them, and figures follow them: the operator rebuilds them (projections rebuild NAME).
   */
  needsRebuild: string[];
  /**
   * unverifiable_until is the time before which raw events may be gone, and nothing was mended. Unset: they are there.
   */
  unverifiableUntil?: Instant;
}

/** ListAuditEntriesRequest asks for entries of the audit trail. Filters that are not set do not matter. */
export interface ListAuditEntriesRequest {
  /** actor_kind keeps the entries of actors of a kind. */
  actorKind?: ActorKind | undefined;
  /**
   * actor_id keeps the entries of one actor: the id of a key, SUBJECT|ISSUER of an identity token, the SPIFFE id or CN=NAME
   * of a certificate, or the name of an operator.
   */
  actorId?: string | undefined;
  /** action_prefix keeps the entries whose action begins like this: "key." or "key.revoked". */
  actionPrefix?: string | undefined;
  /**
   * subject keeps the entries about one subject. The trail tells ids of users, and of conversations, leads and events that
   * were read, as keyed digests: both the id and the digest find them.
   */
  subject?: string | undefined;
  /** since keeps the entries made at this time or later. */
  since?: InstantInit | undefined;
  /** until keeps the entries made before this time. Later than since (INVALID_TIME_RANGE). */
  until?: InstantInit | undefined;
  /** page_size is the most entries to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
}

/** ListAuditEntriesResponse is a page of the audit trail. Entries that are made between two pages are on neither. */
export interface ListAuditEntriesResponse {
  /**
   * entries are those of the page, the newest first. A page looks at 20,000 entries at most: it may have fewer than
   * page_size, or none, and still not be the last.
   */
  entries: AuditEntry[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
}

/** AuditEntry is an act of administration; or reads, refusals or bad credentials of a minute, counted. */
export interface AuditEntry {
  /** number is 1, 2, 3 … of the organization, without gaps. */
  number: number;
  /** at is when it was done, by the database's clock. */
  at?: Instant;
  /** actor_kind is who did it. */
  actorKind?: ActorKind;
  /**
   * actor_id is the id of the API key, SUBJECT|ISSUER of the identity token (its first 256 bytes), the SPIFFE id or
   * CN=NAME of the certificate, or the name of the operator; of an operator who calls over gRPC the id of the key.
   */
  actorId: string;
  /** peer is the address from which it was asked for; empty where it is not known. */
  peer: string;
  /** action is what was done, for example "key.created". */
  action: string;
  /** subject is what it was done to, for example the id of the key. */
  subject: string;
  /** before is what was, as far as it has changed. */
  before?: JsonObject;
  /** after is what is, as far as it has changed. */
  after?: JsonObject;
  /**
   * hash is the SHA-256 of the entry and of the hash before it, in hexadecimal digits. Whoever notes that of the newest
   * entry can tell later whether the trail up to there is still the same.
   */
  hash: string;
  /**
   * hashed is the text that hash is the SHA-256 of, in UTF-8: whoever has the entries can verify the trail without the
   * service. It is a JSON array: the form of the text, 1; a number that stands for the organization; number; at in
   * microseconds since 1970; the kind of the actor; actor_id; peer; action; subject; before and after as JSON texts;
   * and the hash of the entry before, which is 64 zeros for the first one.
   */
  hashed: string;
}

/** ListCampaignsRequest asks for the campaigns of a period. */
export interface ListCampaignsRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * order_by is the figure that orders the campaigns: the name of a field of CampaignFigures or CampaignAmounts. Unset:
   * leads_generated. Campaigns without the figure come last. Another name is refused (UNKNOWN_METRIC).
   */
  orderBy: string;
  /** direction is the order. Unset: the greatest figure first. */
  direction?: SortDirection;
  /**
   * currency is the ISO 4217 code of the amounts that campaigns are ordered by, if they are ordered by an amount. Unset:
   * that of the organization.
   */
  currency: string;
  /** page_size is the most campaigns to return: 1 to 1,000, more are taken as 1,000. Unset: 50. */
  pageSize: number;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH), and no figure may have changed since (PAGE_TOKEN_EXPIRED): ask for the first page again.
   */
  pageToken: string;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
}

/** ListCampaignsRequest asks for the campaigns of a period. */
export interface ListCampaignsRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * order_by is the figure that orders the campaigns: the name of a field of CampaignFigures or CampaignAmounts. Unset:
   * leads_generated. Campaigns without the figure come last. Another name is refused (UNKNOWN_METRIC).
   */
  orderBy?: string | undefined;
  /** direction is the order. Unset: the greatest figure first. */
  direction?: SortDirection | undefined;
  /**
   * currency is the ISO 4217 code of the amounts that campaigns are ordered by, if they are ordered by an amount. Unset:
   * that of the organization.
   */
  currency?: string | undefined;
  /** page_size is the most campaigns to return: 1 to 1,000, more are taken as 1,000. Unset: 50. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH), and no figure may have changed since (PAGE_TOKEN_EXPIRED): ask for the first page again.
   */
  pageToken?: string | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
}

/**
 * ListCampaignsResponse holds a page of campaigns. All of it is of one revision. Of every count: the campaigns of all
 * pages + other + without_campaign = total.
 */
export interface ListCampaignsResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** campaigns are those of the page, in order. */
  campaigns: Campaign[];
  /** campaign_count is how many campaigns there are on all pages. */
  campaignCount: number;
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
  /** total is about all leads, and all cost of campaigns. */
  total?: CampaignFigures;
  /**
   * without_campaign is about leads, and cost, of no campaign. Where other is set it has no amounts: nobody knows which of
   * the amounts that are left belong to other.
   */
  withoutCampaign?: CampaignFigures;
  /** other is about campaigns beyond the organization's limit, without amounts. Unset: there are none. */
  other?: CampaignFigures;
  /** compared says with what. Unset: nothing is compared. */
  compared?: ComparedPeriod;
  /** earlier_total is the total of the earlier period. Unset: nothing is compared, or could be. */
  earlierTotal?: CampaignFigures;
}

/** Campaign is a campaign with its figures. */
export interface Campaign {
  /** campaign_id is the campaign, as on its events. */
  campaignId: string;
  /**
   * name is what people call it: the newest that campaign.started, .ended or .cost_recorded told. Empty: none was told.
   */
  name: string;
  /** started_at is when it began first (campaign.started). Unset: that was not told. */
  startedAt?: Instant;
  /** ended_at is when it ended last (campaign.ended). Unset: that was not told, or it began again later. */
  endedAt?: Instant;
  /** figures are those of the period. */
  figures?: CampaignFigures;
  /** earlier_figures are those of the earlier period. Unset: nothing is compared, or could be. */
  earlierFigures?: CampaignFigures;
}

/**
 * CampaignFigures says what became of the leads that were generated in a period. Fields without a value could not be
 * computed: rates of no leads.
 */
export interface CampaignFigures {
  /** leads_generated is how many leads were created. */
  leadsGenerated?: number;
  /** cohort_leads_contacted is how many of them were contacted since. */
  cohortLeadsContacted?: number;
  /** cohort_leads_converted is how many of them are converted by now. */
  cohortLeadsConverted?: number;
  /** cohort_leads_lost is how many of them are lost by now. */
  cohortLeadsLost?: number;
  /** cohort_leads_open is how many of them are neither. */
  cohortLeadsOpen?: number;
  /** lead_contact_rate is cohort_leads_contacted ÷ leads_generated. */
  leadContactRate?: number;
  /** lead_conversion_rate is cohort_leads_converted ÷ leads_generated. */
  leadConversionRate?: number;
  /** lead_loss_rate is cohort_leads_lost ÷ leads_generated. */
  leadLossRate?: number;
  /**
   * amounts are the amounts in each currency, in the order of currencies, that of the organization first. Those of
   * different currencies are never added.
   */
  amounts: CampaignAmounts[];
}

/** CampaignAmounts are amounts in one currency, in millionths of it. */
export interface CampaignAmounts {
  /** currency is the ISO 4217 code. Amounts that were told without one are in that of the organization. */
  currency: string;
  /** valued_leads is how many of the leads have a value in the currency. */
  valuedLeads?: number;
  /** cohort_lead_value_micros is what those are worth: the newest value of each. */
  cohortLeadValueMicros?: number;
  /** avg_lead_value_micros is that ÷ valued_leads. Unset without any. */
  avgLeadValueMicros?: number;
  /** cohort_converted_value_micros is the revenue: the newest value of each of them that is converted by now. */
  cohortConvertedValueMicros?: number;
  /** campaign_cost_micros is the cost that was recorded in the period (campaign.cost_recorded). */
  campaignCostMicros?: number;
  /**
   * cost_per_lead_micros is that cost ÷ all leads generated, whatever their currency. Unset without cost, or without leads.
   */
  costPerLeadMicros?: number;
  /** roi is (cohort_converted_value_micros − campaign_cost_micros) ÷ campaign_cost_micros. Unset without cost. */
  roi?: number;
}

/** GetCampaignRequest asks for the figures of one campaign. */
export interface GetCampaignRequestData {
  /**
   * campaign_id is the campaign, as on its events. Required. One that is counted under "_other" is refused
   * (CARDINALITY_OVERFLOW).
   */
  campaignId: string;
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points, and 20,000 with those of each currency.
   */
  granularity?: Granularity;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: Comparison;
}

/** GetCampaignRequest asks for the figures of one campaign. */
export interface GetCampaignRequest {
  /**
   * campaign_id is the campaign, as on its events. Required. One that is counted under "_other" is refused
   * (CARDINALITY_OVERFLOW).
   */
  campaignId?: string | undefined;
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /**
   * granularity is the width of a point of the series. Unset: the server chooses by the length of the period. At most
   * 2,000 points, and 20,000 with those of each currency.
   */
  granularity?: Granularity | undefined;
  /** comparison asks for the figures of an earlier period, too. Unset: none. */
  comparison?: ComparisonInit | undefined;
}

/** GetCampaignResponse holds the figures of one campaign. All of it is of one revision. */
export interface GetCampaignResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** campaign is the campaign with its figures. */
  campaign?: Campaign;
  /** compared says with what. Unset: nothing is compared. */
  compared?: ComparedPeriod;
  /** granularity is the width of a point of the series. */
  granularity?: Granularity;
  /** points are those of the series, without gaps, oldest first. */
  points: CampaignPoint[];
}

/** CampaignPoint is a point of a series. */
export interface CampaignPoint {
  /** bucket is its time. */
  bucket?: Bucket;
  /** figures are about the leads that were generated in that time, and the cost recorded in it. */
  figures?: CampaignFigures;
}

/**
 * ContentGapStatus is what is being done about a content gap.
 *
 * - `IDENTIFIED`: Nothing yet, or it has occurred again after it was resolved.
 * - `IN_PROGRESS`: Somebody works on it.
 * - `RESOLVED`: The knowledge answers it now. It is opened again by itself when it occurs later.
 * - `DISMISSED`: Nothing will be done. It stays so, whatever occurs.
 */
export type ContentGapStatus =
  | "IDENTIFIED"
  | "IN_PROGRESS"
  | "RESOLVED"
  | "DISMISSED"
  | `UNKNOWN_${number}`;

/**
 * ContentGapOrder is what content gaps are put in order by. Those that are equal in it come by topic.
 *
 * - `PRIORITY`: By priority.
 * - `FREQUENCY`: By frequency, or with time_range by period_frequency.
 * - `LAST_SEEN`: By last_seen_at.
 * - `FIRST_SEEN`: By first_seen_at.
 * - `TOPIC`: By topic.
 */
export type ContentGapOrder =
  | "PRIORITY"
  | "FREQUENCY"
  | "LAST_SEEN"
  | "FIRST_SEEN"
  | "TOPIC"
  | `UNKNOWN_${number}`;

/**
 * ContentGap is a topic of questions that the knowledge did not answer: all content_gap.found whose topic is the same
 * whatever its case, spaces and punctuation, with those of the topics that were merged into it.
 */
export interface ContentGap {
  /**
   * topic is the normalized topic, by which the content gap is found: small letters (Unicode case folding), and one
   * space for each run of spaces and punctuation. Requests may spell it in any way that comes to the same.
   */
  topic: string;
  /** name is the topic as it was spelt last. */
  name: string;
  /** frequency is how often it was found. */
  frequency: number;
  /**
   * period_frequency is how often it was found in time_range, whose bounds are moved outward to quarter hours. Unset
   * where none was asked for.
   */
  periodFrequency?: number;
  /** users is how many different users asked. It is exact below 256; see users_estimated. */
  users: number;
  /** users_estimated is true if users is an estimate, with a standard error of about 6 %. It then is at least 256. */
  usersEstimated: boolean;
  /** first_seen_at is when it was found first. */
  firstSeenAt?: Instant;
  /** last_seen_at is when it was found last. */
  lastSeenAt?: Instant;
  /** questions are the newest questions, at most 5, each once, the newest first. */
  questions: ContentGapQuestion[];
  /** mean_confidence is the mean confidence of the detector, from 0 to 1, where it tells one. Unset: it never does. */
  meanConfidence?: number;
  /**
   * resolution_rate is the share that the agent resolved alone of the closed conversations about this topic, in
   * time_range or ever. Unset: none was closed.
   */
  resolutionRate?: number;
  /**
   * priority is frequency × (1 − resolution_rate), or frequency where that is unset; with time_range period_frequency
   * takes the place of frequency.
   */
  priority: number;
  /**
   * status is what is being done about it. One that was resolved and has occurred again since is
   * CONTENT_GAP_STATUS_IDENTIFIED: see reopened_at.
   */
  status?: ContentGapStatus;
  /** note is what was noted last. */
  note: string;
  /** changed_by is the id of the API key by which status or note were changed last. Empty: they never were. */
  changedBy: string;
  /** changed_at is when they were. Unset: never. */
  changedAt?: Instant;
  /** etag is different after each change of status or note. */
  etag: string;
  /**
   * resolved_at is when it was resolved. Unset: it is not, or somebody has set another status since. It stays set where
   * it has occurred again.
   */
  resolvedAt?: Instant;
  /**
   * reopened_at is when it occurred first after resolved_at, which has opened it again. Where it occurred both before and
   * after resolved_at in one quarter hour, it is the last time in that quarter hour. Unset: it has not.
   */
  reopenedAt?: Instant;
  /**
   * times_reopened is how often it has occurred again after it was resolved, of the last 100 times that it was resolved.
   */
  timesReopened: number;
  /** merged_topics are the topics that were merged into it. */
  mergedTopics: string[];
}

/** ContentGapQuestion is a question that the knowledge did not answer. */
export interface ContentGapQuestion {
  /** question is the question in a user's words. */
  question: string;
  /** asked_at is when it was asked last. */
  askedAt?: Instant;
}

/** ListContentGapsRequest asks for content gaps. Filters narrow the list together. */
export interface ListContentGapsRequestData {
  /** status keeps those that have this status now. */
  status?: ContentGapStatus;
  /**
   * prefix keeps those whose topic, or that of one merged into it, begins with this text, which is normalized. At most
   * 256 bytes.
   */
  prefix: string;
  /**
   * search keeps those whose topic, or that of one merged into it, has this text in it, which is normalized. At most 256
   * bytes.
   */
  search: string;
  /**
   * time_range keeps those that were found in a period; frequencies, resolution rates and priorities are then of it.
   * Unset: all, with those of all time.
   */
  timeRange?: TimeRange;
  /**
   * order_by is the order. Unset: by priority. At most 20,000 topics are put in order: where prefix and search leave more
   * the question is refused (TOO_MANY_VALUES).
   */
  orderBy?: ContentGapOrder;
  /** direction is the direction of the order. Unset: descending, and ascending by topic. */
  direction?: SortDirection;
  /** page_size is the most content gaps to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize: number;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken: string;
}

/** ListContentGapsRequest asks for content gaps. Filters narrow the list together. */
export interface ListContentGapsRequest {
  /** status keeps those that have this status now. */
  status?: ContentGapStatus | undefined;
  /**
   * prefix keeps those whose topic, or that of one merged into it, begins with this text, which is normalized. At most
   * 256 bytes.
   */
  prefix?: string | undefined;
  /**
   * search keeps those whose topic, or that of one merged into it, has this text in it, which is normalized. At most 256
   * bytes.
   */
  search?: string | undefined;
  /**
   * time_range keeps those that were found in a period; frequencies, resolution rates and priorities are then of it.
   * Unset: all, with those of all time.
   */
  timeRange?: TimeRangeInit | undefined;
  /**
   * order_by is the order. Unset: by priority. At most 20,000 topics are put in order: where prefix and search leave more
   * the question is refused (TOO_MANY_VALUES).
   */
  orderBy?: ContentGapOrder | undefined;
  /** direction is the direction of the order. Unset: descending, and ascending by topic. */
  direction?: SortDirection | undefined;
  /** page_size is the most content gaps to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
}

/** ListContentGapsResponse holds a page of content gaps. */
export interface ListContentGapsResponse {
  /** context says what the answer holds. It has bounds only if time_range is set. */
  context?: AnswerContext;
  /** content_gaps are those of the page, in order. */
  contentGaps: ContentGap[];
  /**
   * next_page_token asks for the next page. Empty: there is none. The list goes on after the last content gap of the
   * page: one whose place changes between two pages, since it occurs again, may come twice or not at all.
   */
  nextPageToken: string;
}

/** GetContentGapRequest asks for one content gap. */
export interface GetContentGapRequest {
  /**
   * topic is the topic in any spelling. One that was merged stands for that which it was merged into. Required, at most
   * 1,024 bytes.
   */
  topic?: string | undefined;
  /** time_range is the period of the trend. Unset: the answer has none. */
  timeRange?: TimeRangeInit | undefined;
  /** granularity is the width of the points of the trend, a quarter of an hour or more. Unset: a day. */
  granularity?: Granularity | undefined;
}

/** GetContentGapResponse holds one content gap. */
export interface GetContentGapResponse {
  /** context says what the answer holds. It has bounds only if time_range is set. */
  context?: AnswerContext;
  /** content_gap is the content gap. Its resolution_rate is that of all time. */
  contentGap?: ContentGap;
  /** trend is how often it was found in each point of time_range, oldest first, without gaps. */
  trend: ContentGapPoint[];
}

/** ContentGapPoint is how often a content gap was found in some time. */
export interface ContentGapPoint {
  /** start is where the point begins. */
  start?: Instant;
  /** end is where the next one begins. */
  end?: Instant;
  /** frequency is how often it was found in between. */
  frequency: number;
}

/** UpdateContentGapRequest changes what is said of a content gap. */
export interface UpdateContentGapRequest {
  /** topic is the topic in any spelling. Required, at most 1,024 bytes. */
  topic?: string | undefined;
  /** status is what is now being done. Unset: as it was. */
  status?: ContentGapStatus | undefined;
  /** note is noted in place of what was. At most 1,024 bytes. Unset: as it was. */
  note?: string | undefined;
  /**
   * etag is that of the content gap as it was read. If status or note were changed since, the call is refused
   * (ETAG_MISMATCH). Unset: whatever was said meanwhile is overwritten.
   */
  etag?: string | undefined;
}

/** UpdateContentGapResponse holds the content gap after the change. */
export interface UpdateContentGapResponse {
  /** content_gap is the content gap. */
  contentGap?: ContentGap;
}

/** MergeContentGapsRequest merges a topic into another one. */
export interface MergeContentGapsRequest {
  /**
   * topic is the topic that is to count for the other one, in any spelling. Required, at most 1,024 bytes. It must not be
   * merged itself, nor have others merged into it (CONTENT_GAP_MERGED).
   */
  topic?: string | undefined;
  /**
   * into_topic is the topic that it is to count for, in any spelling. Required, at most 1,024 bytes. It must not be merged
   * itself (CONTENT_GAP_MERGED).
   */
  intoTopic?: string | undefined;
}

/** MergeContentGapsResponse holds the content gap that the other was merged into. */
export interface MergeContentGapsResponse {
  /** content_gap is the content gap of into_topic: frequencies, questions, users and times of both together. */
  contentGap?: ContentGap;
}

/** UndoContentGapMergeRequest lets a topic count for itself again. */
export interface UndoContentGapMergeRequest {
  /** topic is the topic that was merged, in any spelling. Required, at most 1,024 bytes. */
  topic?: string | undefined;
}

/** UndoContentGapMergeResponse holds the content gap that was merged. */
export interface UndoContentGapMergeResponse {
  /** content_gap is as if it had never been merged, with what was said of it before. */
  contentGap?: ContentGap;
}

/**
 * ConversationOutcome is how a conversation went for its agent.
 *
 * - `RESOLVED`: The agent resolved it alone.
 * - `ESCALATED`: A human took over, whatever came after.
 * - `ABANDONED`: The user walked away.
 * - `ENDED`: It ended without another outcome.
 */
export type ConversationOutcome =
  | "RESOLVED"
  | "ESCALATED"
  | "ABANDONED"
  | "ENDED"
  | `UNKNOWN_${number}`;

/**
 * ConversationPhase says whether anybody is still at work on a conversation.
 *
 * - `OPEN`: It has no outcome.
 * - `WITH_HUMAN`: A human took over, and nobody has resolved, abandoned or ended it since.
 * - `CLOSED`: Nobody is.
 */
export type ConversationPhase =
  | "OPEN"
  | "WITH_HUMAN"
  | "CLOSED"
  | `UNKNOWN_${number}`;

/**
 * ConversationTime is what is to lie in a period.
 *
 * - `CLOSED`: closed_at. Agent, channel and team are those of closed_for.
 * - `BEGAN`: began_at. Agent, channel and team are those of began_for.
 * - `ACTIVE`: last_activity_at. Agent, channel and team are those that were named last.
 * - `HUMAN_RESOLVED`: human_resolved_at. Agent, channel and team are those of human_resolved_for.
 */
export type ConversationTime =
  | "CLOSED"
  | "BEGAN"
  | "ACTIVE"
  | "HUMAN_RESOLVED"
  | `UNKNOWN_${number}`;

/**
 * ConversationOrder is what conversations are put in order by. Those that do not have it come last, in either direction.
 *
 * - `BEGAN_AT`: began_at.
 * - `CLOSED_AT`: closed_at.
 * - `LAST_ACTIVITY_AT`: last_activity_at.
 * - `HUMAN_RESOLVED_AT`: human_resolved_at.
 * - `CONVERSATION_ID`: conversation_id, byte by byte.
 * - `MESSAGES`: messages.
 * - `DURATION`: duration_ms.
 * - `FIRST_RESPONSE`: first_response_ms.
 * - `FIRST_HUMAN_RESPONSE`: first_human_response_ms.
 * - `HUMAN_WAIT`: human_wait_ms.
 * - `TOKENS`: tokens.
 * - `COST`: cost_micros.
 * - `RATING`: rating.
 * - `QUALITY`: quality, whatever the rubric.
 * - `REOPENINGS`: reopenings.
 * - `CONTENT_GAPS`: content_gaps.
 * - `AGENT`: The agent for the time that the period is about; see ConversationTime. Texts are compared byte by byte.
 * - `CHANNEL`: The channel, as the agent.
 * - `TEAM`: The team, as the agent.
 * - `TOPIC`: topic.
 * - `USER`: user_id.
 * - `HANDOFF_REASON`: handoff_reason.
 * - `OUTCOME`: outcome: ended, abandoned, resolved, escalated.
 * - `PHASE`: phase: open, with a human, closed.
 */
export type ConversationOrder =
  | "BEGAN_AT"
  | "CLOSED_AT"
  | "LAST_ACTIVITY_AT"
  | "HUMAN_RESOLVED_AT"
  | "CONVERSATION_ID"
  | "MESSAGES"
  | "DURATION"
  | "FIRST_RESPONSE"
  | "FIRST_HUMAN_RESPONSE"
  | "HUMAN_WAIT"
  | "TOKENS"
  | "COST"
  | "RATING"
  | "QUALITY"
  | "REOPENINGS"
  | "CONTENT_GAPS"
  | "AGENT"
  | "CHANNEL"
  | "TEAM"
  | "TOPIC"
  | "USER"
  | "HANDOFF_REASON"
  | "OUTCOME"
  | "PHASE"
  | `UNKNOWN_${number}`;

/**
 * Conversation is what the events of a conversation_id come to. Durations are in milliseconds; those whose end was told
 * to be before their start are 0. What no event has told is unset.
 */
export interface Conversation {
  /** conversation_id is the conversation, as on its events. */
  conversationId: string;
  /** user_id is the user that was named last. Empty: none was. */
  userId: string;
  /** channel is the channel that was named last. */
  channel: string;
  /** team_id is the team that was named last. */
  teamId: string;
  /** topic is the topic that was told last. */
  topic: string;
  /**
   * agents are those for whom it began and was closed, by whom it was resolved after a hand-over, and who was named last,
   * each once, in this order.
   */
  agents: ConversationAgent[];
  /** began_at is when it began: its earliest conversation.started, or, where none was told, its first event. */
  beganAt?: Instant;
  /** closed_at is when it was closed for its agent. Unset: it is not, or it was reopened. */
  closedAt?: Instant;
  /** outcome is how it went for its agent. Unset if closed_at is. */
  outcome?: ConversationOutcome;
  /** phase says whether anybody is still at work on it. */
  phase?: ConversationPhase;
  /** handoff_reason is why a human took over, or "_other" beyond the limit of reasons. Empty: none did, or said why. */
  handoffReason: string;
  /** duration_ms is the time from began_at to closed_at. */
  durationMs?: number;
  /** first_response_ms is the time from began_at to the first message that was sent in it. */
  firstResponseMs?: number;
  /** first_human_response_ms is the time from began_at to the first message of a human. */
  firstHumanResponseMs?: number;
  /** human_wait_ms is the time from the first hand-over to the first message of a human after it. */
  humanWaitMs?: number;
  /** messages is how many messages were received and sent in it. */
  messages: number;
  /** tokens is how many tokens models read and wrote for its messages. */
  tokens: number;
  /** cost_micros is the recorded cost of its messages, in millionths of the organization's currency. */
  costMicros: number;
  /** rating is the rating that feedback.submitted told last, 1 to 5. */
  rating?: number;
  /** rated_at is when that was told. */
  ratedAt?: Instant;
  /** quality is the overall score that quality.scored told last, in ten-thousandths. */
  quality?: number;
  /**
   * quality_rubric is the version of the rubric of that score, "unspecified" where it says none. Scores of different
   * versions cannot be compared.
   */
  qualityRubric: string;
  /** scored_at is when that was told. */
  scoredAt?: Instant;
  /** reopenings is how often it was reopened. */
  reopenings: number;
  /** content_gaps is how many content gaps were found in it. */
  contentGaps: number;
  /** last_activity_at is when somebody spoke last, or started, closed or reopened it. */
  lastActivityAt?: Instant;
  /** human_resolved_at is when it was resolved after a hand-over. */
  humanResolvedAt?: Instant;
  /** events is how many events it has had, of any type. */
  events: number;
  /** began_for is for whom it counts where it began. topic and handoff_reason are those of all that it adds. */
  beganFor?: ConversationAttribution;
  /** closed_for is for whom its outcome counts. Unset if closed_at is. */
  closedFor?: ConversationAttribution;
  /** human_resolved_for is for whom its resolution after a hand-over counts. Unset if human_resolved_at is. */
  humanResolvedFor?: ConversationAttribution;
  /** amount is what it adds to the figure that a rows_token is of. Unset without a rows_token. */
  amount?: number;
}

/** ConversationAgent is an agent who took part in a conversation. */
export interface ConversationAgent {
  /** agent_id is the agent, as on its events. */
  agentId: string;
  /** name is what people call it. Empty: that was not told. */
  name: string;
}

/**
 * ConversationAttribution is for whom and what a conversation counts in figures: values of dimensions, "_other" for those
 * beyond the organization's limit, empty for those that were not told.
 */
export interface ConversationAttribution {
  /** agent_id is the agent. */
  agentId: string;
  /** channel is the channel. */
  channel: string;
  /** team_id is the team. */
  teamId: string;
  /** topic is the topic. */
  topic: string;
}

/** NumberRange keeps what has a number within bounds, both included, and leaves out what has none. */
export interface NumberRange {
  /** min is the smallest number. Unset: there is none. */
  min?: number;
  /** max is the greatest number. Unset: there is none. */
  max?: number;
}

/** NumberRange keeps what has a number within bounds, both included, and leaves out what has none. */
export interface NumberRangeInit {
  /** min is the smallest number. Unset: there is none. */
  min?: number | bigint | undefined;
  /** max is the greatest number. Unset: there is none. */
  max?: number | bigint | undefined;
}

/**
 * ListConversationsRequest asks for conversations: for those of a period, for those whose ids begin with a text, or, by a
 * rows_token, for those that a figure was counted from. Filters narrow the list together.
 */
export interface ListConversationsRequestData {
  /** time_range is the period. Required unless there is a conversation_id_prefix or a rows_token. */
  timeRange?: TimeRange;
  /** time is what is to lie in the period. */
  time?: ConversationTime;
  /** conversation_id_prefix is what conversation_id begins with. At most 256 bytes. */
  conversationIdPrefix: string;
  /** outcome keeps those with an outcome. */
  outcome?: ConversationOutcome;
  /** phase keeps those in a phase. */
  phase?: ConversationPhase;
  /**
   * agent_id keeps those of an agent; ConversationTime says which agent that is. At most 256 bytes, as the texts below.
   * One that is counted under "_other" is refused (CARDINALITY_OVERFLOW), also as channel, team_id and handoff_reason.
   */
  agentId: string;
  /** channel keeps those of a channel. */
  channel: string;
  /** team_id keeps those of a team. */
  teamId: string;
  /** topic keeps those of a topic. */
  topic: string;
  /** user_id keeps those of a user. An e-mail address finds those of the user that stands for it. */
  userId: string;
  /** handoff_reason keeps those that were handed over for a reason. */
  handoffReason: string;
  /** has_content_gap keeps those in which a content gap was found if it is true, and the others if it is false. */
  hasContentGap?: boolean;
  /** messages bounds the number of messages. */
  messages?: NumberRange;
  /** duration_ms bounds the duration. */
  durationMs?: NumberRange;
  /** first_response_ms bounds the time to the first response. */
  firstResponseMs?: NumberRange;
  /** first_human_response_ms bounds the time to the first response of a human. */
  firstHumanResponseMs?: NumberRange;
  /** human_wait_ms bounds the wait for a human. */
  humanWaitMs?: NumberRange;
  /** rating bounds the rating. */
  rating?: NumberRange;
  /** quality bounds the overall score, in ten-thousandths. */
  quality?: NumberRange;
  /** cost_micros bounds the cost. */
  costMicros?: NumberRange;
  /** tokens bounds the tokens. */
  tokens?: NumberRange;
  /**
   * order_by is the order. Conversations are listed by the time that the period is about, or by id without a period,
   * however many they are. In any other order at most 100,000 are put: where the period has more of them the question is
   * refused (TOO_MANY_VALUES), whatever its filters. Ask for a shorter period, or a longer prefix.
   */
  orderBy?: ConversationOrder;
  /** direction is the direction of the order. Unset: descending, or ascending by id. */
  direction?: SortDirection;
  /** page_size is the most conversations to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize: number;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken: string;
  /**
   * rows_token asks for the conversations that a figure was counted from, as they were at its revision, in place of a
   * period and filters, which must be unset (INVALID_VALUE). Where too many of them have changed since, or raw events of
   * those are gone, it is refused (ROWS_TOKEN_EXPIRED).
   */
  rowsToken: string;
}

/**
 * ListConversationsRequest asks for conversations: for those of a period, for those whose ids begin with a text, or, by a
 * rows_token, for those that a figure was counted from. Filters narrow the list together.
 */
export interface ListConversationsRequest {
  /** time_range is the period. Required unless there is a conversation_id_prefix or a rows_token. */
  timeRange?: TimeRangeInit | undefined;
  /** time is what is to lie in the period. */
  time?: ConversationTime | undefined;
  /** conversation_id_prefix is what conversation_id begins with. At most 256 bytes. */
  conversationIdPrefix?: string | undefined;
  /** outcome keeps those with an outcome. */
  outcome?: ConversationOutcome | undefined;
  /** phase keeps those in a phase. */
  phase?: ConversationPhase | undefined;
  /**
   * agent_id keeps those of an agent; ConversationTime says which agent that is. At most 256 bytes, as the texts below.
   * One that is counted under "_other" is refused (CARDINALITY_OVERFLOW), also as channel, team_id and handoff_reason.
   */
  agentId?: string | undefined;
  /** channel keeps those of a channel. */
  channel?: string | undefined;
  /** team_id keeps those of a team. */
  teamId?: string | undefined;
  /** topic keeps those of a topic. */
  topic?: string | undefined;
  /** user_id keeps those of a user. An e-mail address finds those of the user that stands for it. */
  userId?: string | undefined;
  /** handoff_reason keeps those that were handed over for a reason. */
  handoffReason?: string | undefined;
  /** has_content_gap keeps those in which a content gap was found if it is true, and the others if it is false. */
  hasContentGap?: boolean | undefined;
  /** messages bounds the number of messages. */
  messages?: NumberRangeInit | undefined;
  /** duration_ms bounds the duration. */
  durationMs?: NumberRangeInit | undefined;
  /** first_response_ms bounds the time to the first response. */
  firstResponseMs?: NumberRangeInit | undefined;
  /** first_human_response_ms bounds the time to the first response of a human. */
  firstHumanResponseMs?: NumberRangeInit | undefined;
  /** human_wait_ms bounds the wait for a human. */
  humanWaitMs?: NumberRangeInit | undefined;
  /** rating bounds the rating. */
  rating?: NumberRangeInit | undefined;
  /** quality bounds the overall score, in ten-thousandths. */
  quality?: NumberRangeInit | undefined;
  /** cost_micros bounds the cost. */
  costMicros?: NumberRangeInit | undefined;
  /** tokens bounds the tokens. */
  tokens?: NumberRangeInit | undefined;
  /**
   * order_by is the order. Conversations are listed by the time that the period is about, or by id without a period,
   * however many they are. In any other order at most 100,000 are put: where the period has more of them the question is
   * refused (TOO_MANY_VALUES), whatever its filters. Ask for a shorter period, or a longer prefix.
   */
  orderBy?: ConversationOrder | undefined;
  /** direction is the direction of the order. Unset: descending, or ascending by id. */
  direction?: SortDirection | undefined;
  /** page_size is the most conversations to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
  /**
   * rows_token asks for the conversations that a figure was counted from, as they were at its revision, in place of a
   * period and filters, which must be unset (INVALID_VALUE). Where too many of them have changed since, or raw events of
   * those are gone, it is refused (ROWS_TOKEN_EXPIRED).
   */
  rowsToken?: string | undefined;
}

/** ListConversationsResponse holds a page of conversations. */
export interface ListConversationsResponse {
  /** context says what the answer holds. It has no bounds without a period. Bounds are as asked, to the microsecond. */
  context?: AnswerContext;
  /**
   * conversations are those of the page, in order. A page looks at a bounded number of them, so it may have fewer than
   * page_size, even none, and still a next page.
   */
  conversations: Conversation[];
  /**
   * next_page_token asks for the next page. Empty: there is none. The list goes on after the last conversation that was
   * looked at: one that changes its place between two pages may come twice or not at all, unless there is a rows_token.
   */
  nextPageToken: string;
  /** figure says how the amounts of the conversations add up to the figure. Unset without a rows_token. */
  figure?: FigureRows;
}

/** GetConversationRequest asks for one conversation and its events. */
export interface GetConversationRequest {
  /** conversation_id is the conversation, as on its events. Required, at most 256 bytes. */
  conversationId?: string | undefined;
  /** page_size is the most events to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before, to get the next events. */
  pageToken?: string | undefined;
}

/** GetConversationResponse holds a conversation and events of it. */
export interface GetConversationResponse {
  /** context says what the answer holds. It has no bounds, since the answer is about no period. */
  context?: AnswerContext;
  /** conversation is what its events come to. */
  conversation?: Conversation;
  /**
   * timeline has its events in the order in which they occurred, on later pages those alone that there were on the first
   * one.
   */
  timeline: TimelineEvent[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
  /**
   * dropped_events is how many events it had that are no longer kept, because they were older than the organization keeps
   * raw events.
   */
  droppedEvents: number;
}

/** TimelineEvent is an event of a conversation, as it is stored. */
export interface TimelineEvent {
  /** event is the event. */
  event?: Event;
  /** revision is the organization's revision with which it came. */
  revision: number;
}

/**
 * CustomMetricAggregation is how a figure is taken from events.
 *
 * - `COUNT`: How many events there are.
 * - `SUM`: The values added up. Also gives custom.NAME.count, how many events carried one, and custom.NAME.avg.
 * - `UNIQUE`: How many distinct values there are: texts, numbers, and true and false.
 * - `HISTOGRAM`: As SUM, and the distribution of the values: custom.NAME.p50, .p90, .p95 and .p99, too.
 */
export type CustomMetricAggregation =
  | "COUNT"
  | "SUM"
  | "UNIQUE"
  | "HISTOGRAM"
  | `UNKNOWN_${number}`;

/** CreateCustomMetricRequest defines a metric. */
export interface CreateCustomMetricRequest {
  /**
   * metric is the definition. What the service sets (created_at, progress, complete_from, not_numbers) is ignored.
   * Required.
   */
  metric?: CustomMetricInit | undefined;
}

/** CreateCustomMetricResponse holds the metric as it was defined. */
export interface CreateCustomMetricResponse {
  /** metric is the definition, and how far it is counted. */
  metric?: CustomMetric;
}

/** GetCustomMetricRequest asks for a metric. */
export interface GetCustomMetricRequest {
  /** name is the metric's name, without "custom." in front. Required. */
  name?: string | undefined;
}

/** GetCustomMetricResponse holds a metric. */
export interface GetCustomMetricResponse {
  /** metric is the definition, and how far it is counted. */
  metric?: CustomMetric;
}

/** ListCustomMetricsRequest asks for all metrics of the organization. */
export type ListCustomMetricsRequest = Readonly<Record<string, never>>;

/** ListCustomMetricsResponse holds the metrics of the organization. */
export interface ListCustomMetricsResponse {
  /** metrics are all of them, by name. */
  metrics: CustomMetric[];
}

/** DeleteCustomMetricRequest names a metric to delete. */
export interface DeleteCustomMetricRequest {
  /** name is the metric's name, without "custom." in front. Required. */
  name?: string | undefined;
}

/** DeleteCustomMetricResponse says that the metric is deleted. */
export type DeleteCustomMetricResponse = Readonly<Record<string, never>>;

/**
 * CustomMetric is a metric that an organization has defined: what is counted, of which events, and how far that is done.
 *
 * A path names a value that an event carries: "properties.order.total" is the member total of the member order of its
 * properties, "detail.response_time_ms" a field of its detail. A dot always goes one level deeper. An event that does not
 * carry the value is left out.
 */
export interface CustomMetric {
  /** name is a small letter with small letters, digits and underscores behind, 48 characters at most. Required. */
  name: string;
  /** title is what people call the metric, at most 100 characters. Unset: the name. */
  title: string;
  /** description says what the metric means, at most 1,000 characters. */
  description: string;
  /** unit is the unit of the figures: one of those in ListMetrics, or any text of at most 16 characters. Unset: "1". */
  unit: string;
  /** better says which change of the figure is good news. Unset: neither. */
  better?: MetricDirection;
  /** event_types are the types of the events that are counted, 1 to 20. Types of your own are fine. Required. */
  eventTypes: string[];
  /** aggregation says how the figure is taken from the events. Required. */
  aggregation?: CustomMetricAggregation;
  /**
   * value is the path of what is added up, distributed or told apart. Required, but for COUNT: there it is optional, and
   * only events that carry it are counted.
   */
  value: string;
  /**
   * decimals is how many decimal places of a value are kept, 0 to 6; the value is rounded to them, half to even. For SUM
   * and HISTOGRAM alone.
   */
  decimals: number;
  /** filter leaves out the events that do not carry a certain value. Unset: no event is left out. */
  filter?: CustomMetricFilter;
  /**
   * dimension is a path whose values the metric is kept by, as the dimension custom.NAME of this metric alone. The first
   * 1,000 values have figures of their own, the others are counted under "_other", as is text of more than 256 bytes.
   * Unset: none.
   */
  dimension: string;
  /** created_at is when the metric was defined. Set by the service. */
  createdAt?: Instant;
  /**
   * progress is the share of the earlier events that is counted, from 0 to 1. Until it is 1 questions about the metric
   * fail with CUSTOM_METRIC_INCOMPLETE. Set by the service.
   */
  progress: number;
  /**
   * complete_from is the time from which on figures are complete: when the metric was defined, older raw events were
   * gone. Unset: for all time, or progress is below 1. Set by the service.
   */
  completeFrom?: Instant;
  /**
   * not_numbers is the number of events with a value that could not be taken: for SUM and HISTOGRAM what is no number, or
   * is beyond 10^15 for SUM, below 0 or beyond 10^12 for HISTOGRAM, decimal places included; for UNIQUE objects and lists.
   * Such events are counted here and nowhere else. Set by the service.
   */
  notNumbers: number;
}

/**
 * CustomMetric is a metric that an organization has defined: what is counted, of which events, and how far that is done.
 *
 * A path names a value that an event carries: "properties.order.total" is the member total of the member order of its
 * properties, "detail.response_time_ms" a field of its detail. A dot always goes one level deeper. An event that does not
 * carry the value is left out.
 */
export interface CustomMetricInit {
  /** name is a small letter with small letters, digits and underscores behind, 48 characters at most. Required. */
  name?: string | undefined;
  /** title is what people call the metric, at most 100 characters. Unset: the name. */
  title?: string | undefined;
  /** description says what the metric means, at most 1,000 characters. */
  description?: string | undefined;
  /** unit is the unit of the figures: one of those in ListMetrics, or any text of at most 16 characters. Unset: "1". */
  unit?: string | undefined;
  /** better says which change of the figure is good news. Unset: neither. */
  better?: MetricDirection | undefined;
  /** event_types are the types of the events that are counted, 1 to 20. Types of your own are fine. Required. */
  eventTypes?: readonly string[] | undefined;
  /** aggregation says how the figure is taken from the events. Required. */
  aggregation?: CustomMetricAggregation | undefined;
  /**
   * value is the path of what is added up, distributed or told apart. Required, but for COUNT: there it is optional, and
   * only events that carry it are counted.
   */
  value?: string | undefined;
  /**
   * decimals is how many decimal places of a value are kept, 0 to 6; the value is rounded to them, half to even. For SUM
   * and HISTOGRAM alone.
   */
  decimals?: number | undefined;
  /** filter leaves out the events that do not carry a certain value. Unset: no event is left out. */
  filter?: CustomMetricFilterInit | undefined;
  /**
   * dimension is a path whose values the metric is kept by, as the dimension custom.NAME of this metric alone. The first
   * 1,000 values have figures of their own, the others are counted under "_other", as is text of more than 256 bytes.
   * Unset: none.
   */
  dimension?: string | undefined;
  /** created_at is when the metric was defined. Set by the service. */
  createdAt?: InstantInit | undefined;
  /**
   * progress is the share of the earlier events that is counted, from 0 to 1. Until it is 1 questions about the metric
   * fail with CUSTOM_METRIC_INCOMPLETE. Set by the service.
   */
  progress?: number | undefined;
  /**
   * complete_from is the time from which on figures are complete: when the metric was defined, older raw events were
   * gone. Unset: for all time, or progress is below 1. Set by the service.
   */
  completeFrom?: InstantInit | undefined;
  /**
   * not_numbers is the number of events with a value that could not be taken: for SUM and HISTOGRAM what is no number, or
   * is beyond 10^15 for SUM, below 0 or beyond 10^12 for HISTOGRAM, decimal places included; for UNIQUE objects and lists.
   * Such events are counted here and nowhere else. Set by the service.
   */
  notNumbers?: number | bigint | undefined;
}

/** CustomMetricFilter keeps the events that carry a value. */
export interface CustomMetricFilter {
  /** path is where the value is. Required. */
  path: string;
  /** equals is what it must be, with the same kind. Required. */
  equals?:
    /** text is a text, at most 256 bytes. */
    | { case: "text"; value: string }
    /** number is a number. Enums of details are numbers, too. */
    | { case: "number"; value: number }
    /** truth is true or false. Fields of details that are false are not stored: they are as if they were not told. */
    | { case: "truth"; value: boolean };
}

/** CustomMetricFilter keeps the events that carry a value. */
export interface CustomMetricFilterInit {
  /** path is where the value is. Required. */
  path?: string | undefined;
  /** equals is what it must be, with the same kind. Required. */
  equals?:
    /** text is a text, at most 256 bytes. */
    | { case: "text"; value: string }
    /** number is a number. Enums of details are numbers, too. */
    | { case: "number"; value: number }
    /** truth is true or false. Fields of details that are false are not stored: they are as if they were not told. */
    | { case: "truth"; value: boolean }
    | undefined;
}

/**
 * FunnelEntity is who goes through the stages of a funnel.
 *
 * - `LEAD`: Leads: the lead_id of lead events, or else their resource_id; and the resource_id of other events whose resource_type is "lead".
 * - `USER`: Users: the user_id of events.
 * - `CONVERSATION`: Conversations: the conversation_id of events.
 */
export type FunnelEntity =
  | "LEAD"
  | "USER"
  | "CONVERSATION"
  | `UNKNOWN_${number}`;

/**
 * FunnelOrder says whether the stages of a funnel must be entered in their order.
 *
 * - `IN_ORDER`: In their order.
 * - `ANY_ORDER`: In any order. The cohort are those that entered any of the stages in the period, and the window begins with the first one that they entered then. The figures of stage k are about those that entered k different stages by then, whichever these are. No two stages may be defined alike.
 */
export type FunnelOrder =
  | "IN_ORDER"
  | "ANY_ORDER"
  | `UNKNOWN_${number}`;

/** Funnel is a saved funnel. */
export interface Funnel {
  /**
   * name is what it is called, and how it is asked for: at most 100 characters without control characters. Required.
   */
  name: string;
  /** definition says which stages it has. Required. */
  definition?: FunnelDefinition;
  /** created_at is when it was saved. Set by the service. */
  createdAt?: Instant;
}

/** Funnel is a saved funnel. */
export interface FunnelInit {
  /**
   * name is what it is called, and how it is asked for: at most 100 characters without control characters. Required.
   */
  name?: string | undefined;
  /** definition says which stages it has. Required. */
  definition?: FunnelDefinitionInit | undefined;
  /** created_at is when it was saved. Set by the service. */
  createdAt?: InstantInit | undefined;
}

/**
 * FunnelDefinition says which stages a funnel has, and who goes through them.
 *
 * The cohort are those that entered the first stage in the period, each with its first entry in the period. From that
 * entry on each stage counts with its earliest event that is not before the entry of the stage before it and not later
 * than the window after the first entry. Events at the same time count as in order. An event that fits several stages
 * counts for each of them; a stage that is defined like one before it must be entered again at a later time. So the
 * figures do not depend on the order in which events arrive.
 */
export interface FunnelDefinition {
  /** stages are the stages in their order, 2 to 20. Required. */
  stages: FunnelStage[];
  /** entity is who goes through the stages. Unset: leads. */
  entity?: FunnelEntity;
  /** order says whether the stages must be entered in their order. Unset: they must. */
  order?: FunnelOrder;
  /** window is how long after the first entry the last stage may be entered: 1 second to 366 days. Unset: 30 days. */
  window?: Milliseconds;
}

/**
 * FunnelDefinition says which stages a funnel has, and who goes through them.
 *
 * The cohort are those that entered the first stage in the period, each with its first entry in the period. From that
 * entry on each stage counts with its earliest event that is not before the entry of the stage before it and not later
 * than the window after the first entry. Events at the same time count as in order. An event that fits several stages
 * counts for each of them; a stage that is defined like one before it must be entered again at a later time. So the
 * figures do not depend on the order in which events arrive.
 */
export interface FunnelDefinitionInit {
  /** stages are the stages in their order, 2 to 20. Required. */
  stages?: readonly FunnelStageInit[] | undefined;
  /** entity is who goes through the stages. Unset: leads. */
  entity?: FunnelEntity | undefined;
  /** order says whether the stages must be entered in their order. Unset: they must. */
  order?: FunnelOrder | undefined;
  /** window is how long after the first entry the last stage may be entered: 1 second to 366 days. Unset: 30 days. */
  window?: Milliseconds | undefined;
}

/** FunnelStage is a stage of a funnel: an event of a type. */
export interface FunnelStage {
  /** event_type is the type of the event that enters the stage. Types of your own are fine. Required. */
  eventType: string;
  /** lead_stage is the stage that lead.stage_entered names; for that type alone. Unset: any. */
  leadStage: string;
  /** filter keeps the events that carry a value. Unset: all events of the type. */
  filter?: FunnelFilter;
  /** name is what people call the stage, at most 100 characters. Unset: lead_stage, or else event_type. */
  name: string;
}

/** FunnelStage is a stage of a funnel: an event of a type. */
export interface FunnelStageInit {
  /** event_type is the type of the event that enters the stage. Types of your own are fine. Required. */
  eventType?: string | undefined;
  /** lead_stage is the stage that lead.stage_entered names; for that type alone. Unset: any. */
  leadStage?: string | undefined;
  /** filter keeps the events that carry a value. Unset: all events of the type. */
  filter?: FunnelFilterInit | undefined;
  /** name is what people call the stage, at most 100 characters. Unset: lead_stage, or else event_type. */
  name?: string | undefined;
}

/** FunnelFilter keeps the events that carry a value. */
export interface FunnelFilter {
  /**
   * path is where the value is: "agent", "campaign", "channel" or "team" for what the event names, or a path, such as
   * "properties.plan" or "detail.model", as in CustomMetric. Required.
   */
  path: string;
  /** equals is what it must be, with the same kind; agent, campaign, channel and team are text. Required. */
  equals?:
    /** text is a text, at most 256 bytes. */
    | { case: "text"; value: string }
    /** number is a number. Enums of details are numbers, too. */
    | { case: "number"; value: number }
    /** truth is true or false. Fields of details that are false are not stored: they are as if they were not told. */
    | { case: "truth"; value: boolean };
}

/** FunnelFilter keeps the events that carry a value. */
export interface FunnelFilterInit {
  /**
   * path is where the value is: "agent", "campaign", "channel" or "team" for what the event names, or a path, such as
   * "properties.plan" or "detail.model", as in CustomMetric. Required.
   */
  path?: string | undefined;
  /** equals is what it must be, with the same kind; agent, campaign, channel and team are text. Required. */
  equals?:
    /** text is a text, at most 256 bytes. */
    | { case: "text"; value: string }
    /** number is a number. Enums of details are numbers, too. */
    | { case: "number"; value: number }
    /** truth is true or false. Fields of details that are false are not stored: they are as if they were not told. */
    | { case: "truth"; value: boolean }
    | undefined;
}

/** CreateFunnelRequest saves a funnel. */
export interface CreateFunnelRequest {
  /** funnel is the funnel. Required. */
  funnel?: FunnelInit | undefined;
  /**
   * request_id makes it safe to send the request again: with the same id, name and definition it returns the funnel that
   * is there. With the same id and something else it fails with ALREADY_EXISTS (FUNNEL_EXISTS). At most 128 visible ASCII
   * characters. Unset: a second request fails, since there is a funnel of that name.
   */
  requestId?: string | undefined;
}

/** CreateFunnelResponse holds the funnel as it was saved. */
export interface CreateFunnelResponse {
  /** funnel is the funnel. */
  funnel?: Funnel;
}

/** GetFunnelRequest asks for a saved funnel. */
export interface GetFunnelRequest {
  /** name is its name. Required. */
  name?: string | undefined;
}

/** GetFunnelResponse holds a saved funnel. */
export interface GetFunnelResponse {
  /** funnel is the funnel. */
  funnel?: Funnel;
}

/** ListFunnelsRequest asks for all saved funnels of the organization. */
export type ListFunnelsRequest = Readonly<Record<string, never>>;

/** ListFunnelsResponse holds the saved funnels of the organization. */
export interface ListFunnelsResponse {
  /** funnels are all of them, by name. */
  funnels: Funnel[];
}

/** DeleteFunnelRequest names a saved funnel to delete. */
export interface DeleteFunnelRequest {
  /** name is its name. Required. */
  name?: string | undefined;
}

/** DeleteFunnelResponse says that the funnel is deleted. */
export type DeleteFunnelResponse = Readonly<Record<string, never>>;

/**
 * QueryFunnelRequest asks for the figures of a funnel. A breakdown, a filter or a stage of its own definition that names a
 * path within details or properties needs the scope events.
 */
export interface QueryFunnelRequestData {
  /**
   * time_range is the period in which the cohort entered the first stage. Its bounds hold to the microsecond. Required.
   */
  timeRange?: TimeRange;
  /** funnel is which funnel. Required. */
  funnel?:
    /** name is that of a saved funnel (FUNNEL_NOT_FOUND). */
    | { case: "name"; value: string }
    /** definition is the funnel itself. */
    | { case: "definition"; value: FunnelDefinition };
  /**
   * filters keep a part of the cohort, at most 5, all of which hold. Where the figures are read from what is kept of leads
   * the filter is about the agent, campaign, channel or team that the lead began with. Else it is about the event of the
   * first entry: the first that all filters keep.
   */
  filters: FunnelFilter[];
  /**
   * breakdown is by what the cohort is broken down: "agent", "campaign", "channel", "team" or a path, of what filters are
   * about. Values are texts, numbers, and true and false, of at most 256 characters. Unset: it is not broken down.
   */
  breakdown: string;
  /** top is the most rows of the breakdown: 1 to 100. Unset: 10. */
  top: number;
}

/**
 * QueryFunnelRequest asks for the figures of a funnel. A breakdown, a filter or a stage of its own definition that names a
 * path within details or properties needs the scope events.
 */
export interface QueryFunnelRequest {
  /**
   * time_range is the period in which the cohort entered the first stage. Its bounds hold to the microsecond. Required.
   */
  timeRange?: TimeRangeInit | undefined;
  /** funnel is which funnel. Required. */
  funnel?:
    /** name is that of a saved funnel (FUNNEL_NOT_FOUND). */
    | { case: "name"; value: string }
    /** definition is the funnel itself. */
    | { case: "definition"; value: FunnelDefinitionInit }
    | undefined;
  /**
   * filters keep a part of the cohort, at most 5, all of which hold. Where the figures are read from what is kept of leads
   * the filter is about the agent, campaign, channel or team that the lead began with. Else it is about the event of the
   * first entry: the first that all filters keep.
   */
  filters?: readonly FunnelFilterInit[] | undefined;
  /**
   * breakdown is by what the cohort is broken down: "agent", "campaign", "channel", "team" or a path, of what filters are
   * about. Values are texts, numbers, and true and false, of at most 256 characters. Unset: it is not broken down.
   */
  breakdown?: string | undefined;
  /** top is the most rows of the breakdown: 1 to 100. Unset: 10. */
  top?: number | undefined;
}

/**
 * QueryFunnelResponse holds the figures of a funnel, all of one revision. Of every count the rows + other +
 * without_value = total.
 */
export interface QueryFunnelResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /** definition is the funnel that was asked for, with everything that was unset. */
  definition?: FunnelDefinition;
  /** total is about the whole cohort. */
  total?: FunnelFigures;
  /** rows are about the values of the breakdown with the largest cohorts, largest first, equal ones by value. */
  rows: FunnelRow[];
  /** other is about all other values together. Unset: there are none. */
  other?: FunnelFigures;
  /** without_value is about those without any value. Unset: there are none. */
  withoutValue?: FunnelFigures;
  /** value_count is how many values the breakdown has. */
  valueCount: number;
}

/** FunnelRow is a value of a breakdown with its figures. */
export interface FunnelRow {
  /** value is the value; numbers, true and false as text. */
  value: string;
  /** figures are those of the part of the cohort with the value. */
  figures?: FunnelFigures;
}

/** FunnelFigures are the figures of a funnel for a cohort. */
export interface FunnelFigures {
  /** stages has those of each stage, in order. */
  stages: FunnelStageFigures[];
}

/** FunnelStageFigures are the figures of a stage. Of all but the last one converted + left + still_inside = entered. */
export interface FunnelStageFigures {
  /**
   * name is what the stage is called. With FUNNEL_ORDER_ANY_ORDER it is the stage that is defined at this place, which
   * reached is about, and nothing else is.
   */
  name: string;
  /** entered is how many entered the stage; of the first stage the whole cohort. */
  entered: number;
  /** converted is how many of them entered the next stage. Unset: it is the last one. */
  converted?: number;
  /**
   * left is how many of them can enter the next stage no more: their window is over, or the lead is lost at as_of_time
   * (known where figures are read from what is kept of leads). Unset: it is the last one.
   */
  left?: number;
  /** still_inside is how many of them may still enter the next stage. Unset: it is the last one. */
  stillInside?: number;
  /** conversion_rate is converted ÷ entered. Unset: nobody entered, or it is the last one. */
  conversionRate?: number;
  /** overall_conversion_rate is entered ÷ the cohort. Unset: there is no cohort. */
  overallConversionRate?: number;
  /** drop_off_rate is left ÷ entered. Unset: nobody entered, or it is the last one. */
  dropOffRate?: number;
  /**
   * median_time_ms is the median time from the entry of the stage before to this one: of those that entered it, the time
   * that half of them took at most (nearest rank), exact. Unset: nobody entered, or it is the first one.
   */
  medianTimeMs?: number;
  /** p95_time_ms is the time that 95 % of them took at most. */
  p95TimeMs?: number;
  /**
   * reached is how many of the cohort entered the stage that is defined at this place. With FUNNEL_ORDER_IN_ORDER it is
   * entered.
   */
  reached: number;
}

/**
 * LeaderboardSubject is who is ranked.
 *
 * - `AGENT`: Agents, by the agent_id of events.
 * - `TEAM`: Teams, by the team_id of events.
 */
export type LeaderboardSubject =
  | "AGENT"
  | "TEAM"
  | `UNKNOWN_${number}`;

/**
 * LeaderboardOrder is by what somebody is ranked.
 *
 * - `POINTS`: Points awarded.
 * - `BADGES`: Badges earned.
 * - `TASKS`: Tasks completed.
 * - `CALLS`: Calls that ended.
 * - `CONVERSIONS`: Leads converted.
 */
export type LeaderboardOrder =
  | "POINTS"
  | "BADGES"
  | "TASKS"
  | "CALLS"
  | "CONVERSIONS"
  | `UNKNOWN_${number}`;

/** GetLeaderboardRequest asks for a ranking. */
export interface GetLeaderboardRequestData {
  /** time_range is the period. Required. */
  timeRange?: TimeRange;
  /** subject says who is ranked. Unset: agents. */
  subject?: LeaderboardSubject;
  /** order says by what. Unset: points. */
  order?: LeaderboardOrder;
  /** top is the most rows: 1 to 1,000. Unset: 10. */
  top: number;
  /**
   * team_id keeps what carries this team, when agents are ranked: the pair of agent and team must be kept
   * (PAIR_NOT_KEPT). At most 256 bytes.
   */
  teamId: string;
}

/** GetLeaderboardRequest asks for a ranking. */
export interface GetLeaderboardRequest {
  /** time_range is the period. Required. */
  timeRange?: TimeRangeInit | undefined;
  /** subject says who is ranked. Unset: agents. */
  subject?: LeaderboardSubject | undefined;
  /** order says by what. Unset: points. */
  order?: LeaderboardOrder | undefined;
  /** top is the most rows: 1 to 1,000. Unset: 10. */
  top?: number | undefined;
  /**
   * team_id keeps what carries this team, when agents are ranked: the pair of agent and team must be kept
   * (PAIR_NOT_KEPT). At most 256 bytes.
   */
  teamId?: string | undefined;
}

/** GetLeaderboardResponse holds a ranking. */
export interface GetLeaderboardResponse {
  /** context says what was counted. */
  context?: AnswerContext;
  /**
   * rows are the first ones in order. Nobody has a row who has none of what they are ranked by. Those with equally much
   * share a rank and come in the order of their ids.
   */
  rows: LeaderboardRow[];
  /** participants is how many agents or teams have any event in the period. */
  participants: number;
}

/** LeaderboardRow is an agent or a team with its rank. */
export interface LeaderboardRow {
  /** rank is 1 for the most. Ranks are dense: the one after a rank that several share is one higher. */
  rank: number;
  /** id is the agent_id or team_id. */
  id: string;
  /** display_name is what people call the agent, where that was told. */
  displayName: string;
  /** Points awarded. */
  points: number;
  /** Badges earned. */
  badges: number;
  /** Tasks completed. */
  tasksCompleted: number;
  /** Calls that ended. */
  callsHandled: number;
  /** Leads converted. */
  leadsConverted: number;
}

/**
 * ConversationStatus is how a conversation stands.
 *
 * - `ACTIVE`: Not closed.
 * - `RESOLVED`: Closed: the agent resolved it alone.
 * - `ESCALATED`: Closed: a human took over.
 * - `ABANDONED`: Closed: the user walked away.
 * - `ENDED`: Closed without another outcome.
 */
export type ConversationStatus =
  | "ACTIVE"
  | "RESOLVED"
  | "ESCALATED"
  | "ABANDONED"
  | "ENDED"
  | `UNKNOWN_${number}`;

/**
 * ChangeDimension is what a cell is grouped by. Readers leave out the values that they do not know.
 *
 * - `TOTAL`: The organization.
 * - `AGENT`: One agent.
 * - `CHANNEL`: One channel.
 * - `TEAM`: One team.
 * - `EVENT_TYPE`: One event type.
 * - `STORAGE_KIND`: One kind of storage.
 * - `MODEL`: One language model.
 * - `ENDPOINT`: One route of an interface with its method, as in "GET /orders/\{id\}".
 * - `CAMPAIGN`: One campaign.
 * - `QUEUE`: One queue of calls.
 * - `TOPIC`: One topic.
 * - `HANDOFF_REASON`: One reason of hand-overs.
 * - `ERROR_CODE`: One error code of messages.
 * - `STATUS_CLASS`: One class of statuses of calls of interfaces, as in "2xx".
 * - `METHOD`: One method of calls of interfaces, as in "GET".
 * - `CURRENCY`: One currency.
 * - `RUBRIC`: One version of a rubric.
 * - `SCORER`: One scorer of conversations.
 * - `STAGE`: One stage of the funnel.
 * - `BADGE`: One badge.
 */
export type ChangeDimension =
  | "TOTAL"
  | "AGENT"
  | "CHANNEL"
  | "TEAM"
  | "EVENT_TYPE"
  | "STORAGE_KIND"
  | "MODEL"
  | "ENDPOINT"
  | "CAMPAIGN"
  | "QUEUE"
  | "TOPIC"
  | "HANDOFF_REASON"
  | "ERROR_CODE"
  | "STATUS_CLASS"
  | "METHOD"
  | "CURRENCY"
  | "RUBRIC"
  | "SCORER"
  | "STAGE"
  | "BADGE"
  | `UNKNOWN_${number}`;

/**
 * RealtimeFilter narrows a realtime request to one dimension: the events that carry any of the values that the filter
 * names. Unset: the whole organization. All values must be of the same dimension, and at most 100 (TOO_MANY_FILTERS): what
 * is happening now is not kept by pairs of dimensions. "_other" is not a value of events, and is refused (INVALID_VALUE).
 */
export interface RealtimeFilter {
  /** agent_ids names agents: short for the dimension "agent". At most 256 bytes each. */
  agentIds: string[];
  /** channel names a channel: short for the dimension "channel". At most 256 bytes. */
  channel: string;
  /**
   * dimensions names values of any dimension, as the filter of a question does. Several elements with the same
   * dimension keep the events that carry any of their values: \{"dimension": "team", "value": "north"\} and \{"dimension":
   * "team", "value": "south"\} keep those of both teams. GetRealtimeMetrics and WatchMetrics take the dimensions that
   * ListMetrics marks with has_realtime; WatchUpdates takes every dimension of ListMetrics and "event_type"
   * (UNKNOWN_DIMENSION, which lists them).
   */
  dimensions: DimensionFilter[];
}

/**
 * RealtimeFilter narrows a realtime request to one dimension: the events that carry any of the values that the filter
 * names. Unset: the whole organization. All values must be of the same dimension, and at most 100 (TOO_MANY_FILTERS): what
 * is happening now is not kept by pairs of dimensions. "_other" is not a value of events, and is refused (INVALID_VALUE).
 */
export interface RealtimeFilterInit {
  /** agent_ids names agents: short for the dimension "agent". At most 256 bytes each. */
  agentIds?: readonly string[] | undefined;
  /** channel names a channel: short for the dimension "channel". At most 256 bytes. */
  channel?: string | undefined;
  /**
   * dimensions names values of any dimension, as the filter of a question does. Several elements with the same
   * dimension keep the events that carry any of their values: \{"dimension": "team", "value": "north"\} and \{"dimension":
   * "team", "value": "south"\} keep those of both teams. GetRealtimeMetrics and WatchMetrics take the dimensions that
   * ListMetrics marks with has_realtime; WatchUpdates takes every dimension of ListMetrics and "event_type"
   * (UNKNOWN_DIMENSION, which lists them).
   */
  dimensions?: readonly DimensionFilterInit[] | undefined;
}

/** GetRealtimeMetricsRequest asks for the figures of now. */
export interface GetRealtimeMetricsRequestData {
  /** filter narrows the figures to a part of the organization. */
  filter?: RealtimeFilter;
}

/** GetRealtimeMetricsRequest asks for the figures of now. */
export interface GetRealtimeMetricsRequest {
  /** filter narrows the figures to a part of the organization. */
  filter?: RealtimeFilterInit | undefined;
}

/** GetRealtimeMetricsResponse holds the figures of now. */
export interface GetRealtimeMetricsResponse {
  /** state holds the figures, and says as of when. */
  state?: RealtimeState;
}

/** WatchMetricsRequest asks for the figures of now, again and again. */
export interface WatchMetricsRequest {
  /** filter narrows the figures to a part of the organization. */
  filter?: RealtimeFilterInit | undefined;
  /**
   * min_interval is the least time between two states, 100 milliseconds to 1 minute (INTERVAL_OUT_OF_RANGE;
   * INVALID_DURATION if seconds and nanos disagree in sign). Unset or 0: 1 second. If it is longer than 15 seconds,
   * heartbeats come in between.
   */
  minInterval?: Milliseconds | undefined;
}

/**
 * WatchMetricsResponse is a state, or a heartbeat, which says the newest revision and nothing else. Revisions never go
 * back within a stream.
 */
export interface WatchMetricsResponse {
  /** state is the newest state. Unset in a heartbeat. */
  state?: RealtimeState;
  /** revision is the organization's revision of the state or the heartbeat. */
  revision: number;
}

/**
 * RealtimeState is what is happening, as of a revision and an instant. Windows are by occurred_at and end at
 * as_of_time; late events do not enter them. A window consists of whole slots and the slot that is running: slots of
 * five seconds for the last minute (55 to 60 seconds) and the last 5 minutes, slots of a minute for the last hour (59
 * to 60 minutes).
 */
export interface RealtimeState {
  /** as_of_revision is the organization's revision up to which events are counted. */
  asOfRevision: number;
  /** as_of_time is the database's time at which the windows end. */
  asOfTime?: Instant;
  /** time_zone is the organization's zone, at whose midnight today begins. */
  timeZone: string;
  /** metrics are the figures. */
  metrics?: RealtimeMetrics;
  /**
   * minutes are the last 60 minutes, oldest first; the last one is the minute that is running. Empty if the filter
   * names a value without figures of its own (see CARDINALITY_OVERFLOW).
   */
  minutes: RealtimeMinute[];
  /**
   * conversations are the 20 conversations with the latest activity, latest first. Activity means being started, spoken
   * in, closed or reopened. Those with activity in the last hour come first; if they are fewer than 20, more are looked
   * for among the organization's latest 5,000 before that. A filter keeps the conversations whose latest value of its
   * dimension is one of those that it names: that were last with one of its agents, teams or channels.
   */
  conversations: ConversationState[];
}

/**
 * RealtimeMetrics are the figures of the last minutes and of today. A figure that cannot be computed is absent. If the
 * filter names a value without figures of its own (see CARDINALITY_OVERFLOW), all but active_conversations are absent.
 */
export interface RealtimeMetrics {
  /**
   * Open conversations that were started, spoken in, handed over or reopened within the last hour. A hand-over to a
   * human leaves a conversation open. With a filter: of the conversations whose latest value of its dimension is one of
   * those that it names.
   */
  activeConversations?: number;
  /** Messages received and sent in the last minute. */
  messagesLastMinute?: number;
  /** Messages received and sent in the last hour: the sum over minutes. */
  messagesLastHour?: number;
  /** Mean response time of the last 5 minutes, in milliseconds. */
  avgResponseTimeMs?: number;
  /** Median response time of the last 5 minutes, in milliseconds, at most 1 % off, as is the other percentile. */
  p50ResponseTimeMs?: number;
  /** 95th percentile of the response time of the last 5 minutes, in milliseconds. */
  p95ResponseTimeMs?: number;
  /** 1 − failed ÷ sent messages of the last hour. */
  successRate?: number;
  /**
   * Messages received and sent since the organization's midnight; equal to total_messages of GetOverview over that day.
   */
  messagesToday?: number;
  /** Conversations that began since midnight. */
  conversationsToday?: number;
  /** Prompt and completion tokens since midnight. */
  tokensToday?: number;
}

/** RealtimeMinute is one minute of the last hour. */
export interface RealtimeMinute {
  /** start is the first instant of the minute. */
  start?: Instant;
  /** Messages received and sent. */
  messages: number;
  /** Median response time, in milliseconds. Absent without any. */
  p50ResponseTimeMs?: number;
  /** 95th percentile of the response time, in milliseconds. Absent without any. */
  p95ResponseTimeMs?: number;
}

/** ConversationState is how a conversation stands. */
export interface ConversationState {
  /** conversation_id is the conversation. */
  conversationId: string;
  /** status is how the conversation stands. */
  status?: ConversationStatus;
  /**
   * agent_id is the agent on the latest event that carries one, of those that start, close or reopen the conversation
   * or are its messages.
   */
  agentId: string;
  /** user_id is the user on the latest of these events that carries one. */
  userId: string;
  /** channel is the channel on the latest of these events that carries one. */
  channel: string;
  /** last_activity_at is when the latest of these events occurred. */
  lastActivityAt?: Instant;
  /** message_count is the number of its messages. */
  messageCount: number;
}

/** WatchUpdatesRequest asks for every update from now on, or after a token. */
export interface WatchUpdatesRequest {
  /**
   * resume_after is the resume_token of the last update that was received: the stream goes on with the next revision.
   * Unset: the stream begins with the next revision after now. Refused are a token that is damaged, forged or of
   * another organization (RESUME_TOKEN_INVALID), one older than the window (COMPACTED), and one from before a restore
   * (RESTORED).
   */
  resumeAfter?: string | undefined;
  /**
   * filter narrows the changes and events; revisions without any still come, empty. Changes are those of the filter's
   * dimension: by "event_type" the number of events alone is counted, and what is counted from whole conversations only
   * by dimensions with has_conversations. The filter is part of the token and may not change on resuming
   * (RESUME_TOKEN_INVALID); the order in which it names values does not matter. The stream ends with FAILED_PRECONDITION (CARDINALITY_OVERFLOW)
   * as soon as the filter names a value without figures of its own.
   */
  filter?: RealtimeFilterInit | undefined;
  /**
   * include_events adds the events themselves, with their properties. It needs the scope events beside read
   * (SCOPE_MISSING), and is part of the token, too.
   */
  includeEvents?: boolean | undefined;
}

/**
 * WatchUpdatesResponse is a revision, or a bookmark: a token without a revision, sent once at the beginning and
 * whenever nothing has happened for 15 seconds.
 */
export interface WatchUpdatesResponse {
  /** resume_token is what to give as resume_after. Opaque. */
  resumeToken: string;
  /**
   * revision is the revision, one more than the one before. In a bookmark it is the last revision that was sent. A
   * revision may have no events: what depends on several events, as the outcome of a conversation does, changes figures
   * in a revision of its own, after the one that stored the events.
   */
  revision: number;
  /** bookmark is true if this is a bookmark and not an update. */
  bookmark: boolean;
  /** committed_at is when the revision was committed. */
  committedAt?: Instant;
  /** changes are what the revision added to the measures; what it took back is negative. */
  changes: MeasureChange[];
  /**
   * events are those of the revision as they are stored, if they were asked for and are still kept. They lack the
   * detail of custom event types.
   */
  events: Event[];
  /**
   * more is true if the changes and events of the revision come in several messages, each of about 2 MiB at most, and
   * another one follows. Only the last one has the resume_token.
   */
  more: boolean;
}

/** MeasureChange is what a revision added to a measure in one cell: one quarter hour of one value of one dimension. */
export interface MeasureChange {
  /** bucket is the first instant of the quarter hour. */
  bucket?: Instant;
  /** dimension is the dimension that value belongs to. */
  dimension?: ChangeDimension;
  /**
   * value is the value of the dimension, such as the agent. Empty for the total. "_other" stands for all
   * values that were first seen after the limit of distinct values was reached.
   */
  value: string;
  /** measure is the name of the measure, as in ListMetrics. */
  measure: string;
  /** count is how often the measure was taken; negative if it was taken back. */
  count: number;
  /** sum is the values added up, for measures with values. */
  sum: number;
}

/**
 * UserSeen says which of the users of a period are meant.
 *
 * - `ACTIVE`: All users with an event in the period.
 * - `NEW`: Those of them that were first seen in it.
 * - `RETURNING`: Those of them that had been seen before it.
 */
export type UserSeen =
  | "ACTIVE"
  | "NEW"
  | "RETURNING"
  | `UNKNOWN_${number}`;

/**
 * UserOrder is what users are put in order by. Users that are equal in it come by user_id.
 *
 * - `LAST_SEEN`: By last_seen_at.
 * - `FIRST_SEEN`: By first_seen_at.
 * - `USER_ID`: By user_id, byte by byte.
 * - `NAME`: By name, whatever its case; users without one come last.
 * - `EVENTS`: By events.
 * - `MESSAGES`: By messages_received and messages_sent together.
 * - `MESSAGES_RECEIVED`: By messages_received.
 * - `MESSAGES_SENT`: By messages_sent.
 * - `CONVERSATIONS`: By conversations.
 * - `TOKEN_USAGE`: By token_usage.
 * - `COST_MICROS`: By cost_micros.
 * - `RATING_COUNT`: By rating_count.
 * - `SATISFACTION_SCORE`: By satisfaction_score; users without one come last.
 * - `ACTIVE_DAYS`: By active_days.
 */
export type UserOrder =
  | "LAST_SEEN"
  | "FIRST_SEEN"
  | "USER_ID"
  | "NAME"
  | "EVENTS"
  | "MESSAGES"
  | "MESSAGES_RECEIVED"
  | "MESSAGES_SENT"
  | "CONVERSATIONS"
  | "TOKEN_USAGE"
  | "COST_MICROS"
  | "RATING_COUNT"
  | "SATISFACTION_SCORE"
  | "ACTIVE_DAYS"
  | `UNKNOWN_${number}`;

/** UserFigures is what a user did. */
export interface UserFigures {
  /** events is how many events carry the user. */
  events: number;
  /** messages_received is how many messages the user wrote. */
  messagesReceived: number;
  /** messages_sent is how many messages were sent to the user. */
  messagesSent: number;
  /** conversations is how many conversations began for the user, as in total_conversations. */
  conversations: number;
  /** prompt_tokens is the tokens of prompts. */
  promptTokens: number;
  /** cached_tokens is those of them that a model took from its cache. */
  cachedTokens: number;
  /** completion_tokens is the tokens of completions. */
  completionTokens: number;
  /** token_usage is the tokens of prompts and completions together. */
  tokenUsage: number;
  /** cost_micros is the recorded cost of the user's messages, in millionths of the organization's currency. */
  costMicros: number;
  /** rating_count is how many ratings the user gave. */
  ratingCount: number;
  /** satisfaction_score is the mean of these ratings. Unset: there are none. */
  satisfactionScore?: number;
  /** active_days is on how many days of UTC the user had an event. */
  activeDays: number;
}

/** User is what is known of a user, and what the user did. */
export interface User {
  /** user_id is the user, as on the events. */
  userId: string;
  /** name is the newest name that was told. Empty: none was, or the organization does not keep such details. */
  name: string;
  /** first_seen_at is when the user's earliest event occurred, whatever the period. */
  firstSeenAt?: Instant;
  /** last_seen_at is when the user's latest event occurred, whatever the period. */
  lastSeenAt?: Instant;
  /** figures are those of the period; without a period, of all time. */
  figures?: UserFigures;
}

/** UserDay is what a user did on a day. */
export interface UserDay {
  /** start is the beginning of the day of UTC. */
  start?: Instant;
  /** figures are those of the day. */
  figures?: UserFigures;
}

/** ListUsersRequest asks for users. Filters narrow the list together. */
export interface ListUsersRequest {
  /**
   * time_range keeps users with an event in it, and their figures are then those of the period. What users did is kept
   * by day of UTC, and raw events say what they did at the edges: a period that begins or ends before raw events are
   * kept must do so at midnight UTC (RAW_EVENTS_GONE). Unset: all users, with their figures of all time.
   */
  timeRange?: TimeRangeInit | undefined;
  /** seen narrows the users of a period. Goes with time_range. */
  seen?: UserSeen | undefined;
  /**
   * prefix keeps users whose user_id begins with it, or whose name does, whatever the case of the name. At most 256
   * bytes.
   */
  prefix?: string | undefined;
  /**
   * order_by is the order. Unset: by last_seen_at. Users are read in the order by user_id and by first_seen_at without
   * time_range and prefix, whatever their number. In any other order at most 200,000 users, or what they did on 500,000
   * days, are put: where there are more the question is refused (TOO_MANY_VALUES). Narrow it by a shorter period or a
   * longer prefix.
   */
  orderBy?: UserOrder | undefined;
  /** direction is the direction of the order. Unset: ascending by user_id and name, else descending. */
  direction?: SortDirection | undefined;
  /** page_size is the most users to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
  /**
   * rows_token is that of a figure of distinct users: the list then has exactly the users that were counted, by user_id,
   * with their figures of all time. It goes without other fields but page_size and page_token. Where other users have come
   * in since the figure was answered, or events were corrected, its users are told by raw events: at most 20,000, all of
   * which must still be kept (ROWS_TOKEN_EXPIRED).
   */
  rowsToken?: string | undefined;
}

/** ListUsersResponse holds a page of users. */
export interface ListUsersResponse {
  /** context says what the answer holds. Its bounds are those of the period; without one it has none. */
  context?: AnswerContext;
  /** users are those of the page, in order. */
  users: User[];
  /**
   * next_page_token asks for the next page. Empty: there is none. The list goes on after the last user of this page: a
   * user whose place changes between two pages, by an event, may come twice or not at all.
   */
  nextPageToken: string;
  /**
   * figure says how the users add up to the figure of rows_token: each counts as one. Unset without one. With one a page
   * looks at a bounded number of users, so it may have fewer than page_size, even none, and still a next page.
   */
  figure?: FigureRows;
}

/** GetUserRequest asks for one user. */
export interface GetUserRequest {
  /** user_id is the user, as on the events; an e-mail address stands for its pseudonym. Required, at most 256 bytes. */
  userId?: string | undefined;
  /**
   * time_range has the days to return: those of UTC that it touches, whole, whatever its zone. Unset: the last 90 days.
   */
  timeRange?: TimeRangeInit | undefined;
}

/** GetUserResponse holds what is known of a user. */
export interface GetUserResponse {
  /** context says what the answer holds. Its bounds are those of days. */
  context?: AnswerContext;
  /** user is the user, with figures of all time. */
  user?: User;
  /** days are the days on which the user did something, oldest first. */
  days: UserDay[];
}

/** ListUserActivitiesRequest asks for what one user did. */
export interface ListUserActivitiesRequest {
  /** user_id is the user, as on the events; an e-mail address stands for its pseudonym. Required, at most 256 bytes. */
  userId?: string | undefined;
  /** time_range is when it was. Unset: whenever. */
  timeRange?: TimeRangeInit | undefined;
  /** page_size is the most activities to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
}

/** UserActivity is an event of a user. */
export interface UserActivity {
  /** event_id is the event. */
  eventId: string;
  /** event_type is what happened. */
  eventType: string;
  /** occurred_at is when. */
  occurredAt?: Instant;
  /** agent_id is the agent that the event names. Empty: none, as in all fields below. */
  agentId: string;
  /** channel is the channel. */
  channel: string;
  /** conversation_id is the conversation. */
  conversationId: string;
  /** ip is the user's address. Set only where the organization keeps such details. */
  ip: string;
  /** user_agent is the user's browser. Set only where the organization keeps such details. */
  userAgent: string;
}

/** ListUserActivitiesResponse holds a page of what a user did. */
export interface ListUserActivitiesResponse {
  /**
   * context says what the answer holds. It has no bounds. Its revision is that of the first page: what came later is not
   * on later pages.
   */
  context?: AnswerContext;
  /**
   * activities are those of the page, newest first. A page looks at a bounded number of events, so it may have fewer than
   * page_size, even none, and still a next page.
   */
  activities: UserActivity[];
  /** next_page_token asks for the next page. Empty: there is none. */
  nextPageToken: string;
  /**
   * dropped_events is how many of the user's events are no longer kept. Set on the last page of a list without
   * time_range.
   */
  droppedEvents?: number;
  /** kept_from is set where raw events of the user may have been removed: from this instant on all are kept. */
  keptFrom?: Instant;
}

/** GetUserRetentionRequest asks how many users came back. */
export interface GetUserRetentionRequestData {
  /**
   * time_range is when the users of all cohorts were first seen. Cohorts are those of the days, weeks or months that it
   * touches, whole. What users did is kept by day of UTC, so these are days of UTC: time_zone must be unset or UTC. Weeks
   * begin on week_start. At most 120 cohorts (TOO_MANY_POINTS).
   */
  timeRange?: TimeRange;
  /**
   * granularity is the length of cohorts and of the periods after them: GRANULARITY_DAY, GRANULARITY_WEEK or
   * GRANULARITY_MONTH. Unset: weeks.
   */
  granularity?: Granularity;
  /** periods is of how many periods after its own a cohort is told: 1 to 60. Unset: 12. */
  periods: number;
}

/** GetUserRetentionRequest asks how many users came back. */
export interface GetUserRetentionRequest {
  /**
   * time_range is when the users of all cohorts were first seen. Cohorts are those of the days, weeks or months that it
   * touches, whole. What users did is kept by day of UTC, so these are days of UTC: time_zone must be unset or UTC. Weeks
   * begin on week_start. At most 120 cohorts (TOO_MANY_POINTS).
   */
  timeRange?: TimeRangeInit | undefined;
  /**
   * granularity is the length of cohorts and of the periods after them: GRANULARITY_DAY, GRANULARITY_WEEK or
   * GRANULARITY_MONTH. Unset: weeks.
   */
  granularity?: Granularity | undefined;
  /** periods is of how many periods after its own a cohort is told: 1 to 60. Unset: 12. */
  periods?: number | undefined;
}

/** RetainedUsers is how many users of a cohort were seen in a period. */
export interface RetainedUsers {
  /**
   * offset is how many periods after that of the cohort it is. In that with the offset 0 all users of the cohort were
   * seen.
   */
  offset: number;
  /** users is how many users of the cohort had an event in the period. */
  users: number;
  /** share is users divided by those of the cohort. Unset: the cohort has none. */
  share?: number;
  /** still_running says that the period has not ended, so that more users may come. */
  stillRunning: boolean;
}

/** UserCohort is the users that were first seen in one period. */
export interface UserCohort {
  /** start is the beginning of the period. */
  start?: Instant;
  /** end is the first instant after it. */
  end?: Instant;
  /** users is how many users there are. */
  users: number;
  /** retained has the period itself and those after it, as far as they have begun. */
  retained: RetainedUsers[];
}

/** GetUserRetentionResponse holds cohorts of users. */
export interface GetUserRetentionResponse {
  /** context says what the answer holds. Its bounds are those of the cohorts, its zone is UTC. */
  context?: AnswerContext;
  /** granularity is the length of cohorts and periods. */
  granularity?: Granularity;
  /** cohorts are those of the period without gaps, oldest first, as far as they have begun. */
  cohorts: UserCohort[];
}

/**
 * DashboardVisibility says who sees a dashboard.
 *
 * - `PERSONAL`: Its owner alone.
 * - `SHARED`: Everybody in the organization.
 */
export type DashboardVisibility =
  | "PERSONAL"
  | "SHARED"
  | `UNKNOWN_${number}`;

/**
 * TileHeight is how high a tile is.
 *
 * - `SMALL`: As high as a card.
 * - `MEDIUM`: Twice as high.
 * - `LARGE`: Four times as high.
 */
export type TileHeight =
  | "SMALL"
  | "MEDIUM"
  | "LARGE"
  | `UNKNOWN_${number}`;

/** Dashboard is a list of tiles. */
export interface Dashboard {
  /** dashboard_id names the dashboard. Set by the service. */
  dashboardId: string;
  /** title is what people call it, at most 200 characters. Required. */
  title: string;
  /** description says what it is for, at most 2,000 characters. */
  description: string;
  /** visibility says who sees it. Unset: personal. */
  visibility?: DashboardVisibility;
  /**
   * tiles are its tiles in their order, at most 60 (TOO_MANY_VALUES). The order is the layout: tiles fill rows of twelve
   * columns from left to right, and on a phone one column.
   */
  tiles: Tile[];
  /**
   * period is what the page begins with, and what all tiles without a period of their own show. Unset: the page decides.
   */
  period?: TilePeriod;
  /** owner is the subject that created it. Set by the service. */
  owner: string;
  /** version counts the changes, from 1. Set by the service. */
  version: number;
  /** etag is different after each change. Set by the service. */
  etag: string;
  /** created_at is when it was created. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when this version was stored. Set by the service. */
  updatedAt?: Instant;
  /** updated_by is the subject that stored this version. Set by the service. */
  updatedBy: string;
  /** may_edit says whether the caller may change and delete it. Set by the service. */
  mayEdit: boolean;
}

/** Dashboard is a list of tiles. */
export interface DashboardInit {
  /** dashboard_id names the dashboard. Set by the service. */
  dashboardId?: string | undefined;
  /** title is what people call it, at most 200 characters. Required. */
  title?: string | undefined;
  /** description says what it is for, at most 2,000 characters. */
  description?: string | undefined;
  /** visibility says who sees it. Unset: personal. */
  visibility?: DashboardVisibility | undefined;
  /**
   * tiles are its tiles in their order, at most 60 (TOO_MANY_VALUES). The order is the layout: tiles fill rows of twelve
   * columns from left to right, and on a phone one column.
   */
  tiles?: readonly TileInit[] | undefined;
  /**
   * period is what the page begins with, and what all tiles without a period of their own show. Unset: the page decides.
   */
  period?: TilePeriodInit | undefined;
  /** owner is the subject that created it. Set by the service. */
  owner?: string | undefined;
  /** version counts the changes, from 1. Set by the service. */
  version?: number | bigint | undefined;
  /** etag is different after each change. Set by the service. */
  etag?: string | undefined;
  /** created_at is when it was created. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when this version was stored. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** updated_by is the subject that stored this version. Set by the service. */
  updatedBy?: string | undefined;
  /** may_edit says whether the caller may change and delete it. Set by the service. */
  mayEdit?: boolean | undefined;
}

/** Tile is one question of a dashboard, and how its answer is shown. */
export interface Tile {
  /**
   * tile_id names the tile within its dashboard: at most 64 letters, digits, hyphens and underscores, no two alike
   * (INVALID_VALUE). Unset: the service makes one.
   */
  tileId: string;
  /**
   * kind is how the answer is shown: "card" (one figure with its change), "chart" (a series), "table", "bars" (a ranking),
   * "heatmap" (weekday × hour), "live" (figures of now) or "note" (text, no question). Others of at most 64 small letters,
   * digits and underscores are stored as they are: readers leave a tile that they do not know in its place. Required.
   */
  kind: string;
  /** title is what stands above the tile, at most 200 characters. Unset: what the question makes of it. */
  title: string;
  /** width is the number of columns of twelve: 3, 4, 6, 8 or 12 (INVALID_VALUE). Unset: 4. */
  width: number;
  /** height is how high it is. Unset: medium. */
  height?: TileHeight;
  /** period is the tile's own period. Unset: the page's. */
  period?: TilePeriod;
  /**
   * question is what the tile asks. The request is stored as it is, and only its form is checked: whether metrics and
   * values exist shows when it is asked. A period within it is left out (INVALID_VALUE), since whoever reads the dashboard
   * puts in the tile's or the page's: time_range, comparison, page_token and rows_token must be unset. Unset for a note
   * alone (REQUIRED_FIELD).
   */
  question?:
    /** overview asks for key figures. */
    | { case: "overview"; value: GetOverviewRequestData }
    /** agent_metrics asks for the figures of an agent or a team. */
    | { case: "agentMetrics"; value: GetAgentMetricsRequestData }
    /** usage_trends asks for series. */
    | { case: "usageTrends"; value: GetUsageTrendsRequestData }
    /** query asks for a table by a dimension. */
    | { case: "query"; value: QueryMetricsRequestData }
    /** daily_stats asks for a row for each day. */
    | { case: "dailyStats"; value: GetDailyStatsRequestData }
    /** conversation_metrics asks how conversations went. */
    | { case: "conversationMetrics"; value: GetConversationMetricsRequestData }
    /** costs asks for costs and tokens. */
    | { case: "costs"; value: GetCostsRequestData }
    /** roi asks for the return of AI agents. */
    | { case: "roi"; value: GetRoiRequestData }
    /** quota asks for the monthly quota of events. */
    | { case: "quota"; value: GetQuotaRequestData }
    /** api_usage asks how APIs and tools are used. */
    | { case: "apiUsage"; value: GetApiUsageRequestData }
    /** call_metrics asks how telephone calls went. */
    | { case: "callMetrics"; value: GetCallMetricsRequestData }
    /** quality asks for scores. */
    | { case: "quality"; value: GetQualityRequestData }
    /** leaderboard asks for a leaderboard. */
    | { case: "leaderboard"; value: GetLeaderboardRequestData }
    /** funnel asks for the figures of a funnel. */
    | { case: "funnel"; value: QueryFunnelRequestData }
    /** campaigns asks for campaigns. */
    | { case: "campaigns"; value: ListCampaignsRequestData }
    /** campaign asks for one campaign. */
    | { case: "campaign"; value: GetCampaignRequestData }
    /** user_retention asks how many users come back. */
    | { case: "userRetention"; value: GetUserRetentionRequestData }
    /** agents asks for the list of agents. */
    | { case: "agents"; value: ListAgentsRequestData }
    /** content_gaps asks for questions that the knowledge did not answer. It needs the scope events. */
    | { case: "contentGaps"; value: ListContentGapsRequestData }
    /** conversations asks for a list of conversations. It needs the scope events. */
    | { case: "conversations"; value: ListConversationsRequestData }
    /** realtime asks for the figures of now. Readers watch them. */
    | { case: "realtime"; value: GetRealtimeMetricsRequestData };
  /**
   * options say how the answer is shown, by kind, as \{"metric": "total_conversations"\}: at most 8 KiB as JSON. The service
   * does not look into them.
   */
  options?: JsonObject;
  /** note is text that stands in the tile, at most 4,000 characters. For a note it is the content. */
  note: string;
}

/** Tile is one question of a dashboard, and how its answer is shown. */
export interface TileInit {
  /**
   * tile_id names the tile within its dashboard: at most 64 letters, digits, hyphens and underscores, no two alike
   * (INVALID_VALUE). Unset: the service makes one.
   */
  tileId?: string | undefined;
  /**
   * kind is how the answer is shown: "card" (one figure with its change), "chart" (a series), "table", "bars" (a ranking),
   * "heatmap" (weekday × hour), "live" (figures of now) or "note" (text, no question). Others of at most 64 small letters,
   * digits and underscores are stored as they are: readers leave a tile that they do not know in its place. Required.
   */
  kind?: string | undefined;
  /** title is what stands above the tile, at most 200 characters. Unset: what the question makes of it. */
  title?: string | undefined;
  /** width is the number of columns of twelve: 3, 4, 6, 8 or 12 (INVALID_VALUE). Unset: 4. */
  width?: number | undefined;
  /** height is how high it is. Unset: medium. */
  height?: TileHeight | undefined;
  /** period is the tile's own period. Unset: the page's. */
  period?: TilePeriodInit | undefined;
  /**
   * question is what the tile asks. The request is stored as it is, and only its form is checked: whether metrics and
   * values exist shows when it is asked. A period within it is left out (INVALID_VALUE), since whoever reads the dashboard
   * puts in the tile's or the page's: time_range, comparison, page_token and rows_token must be unset. Unset for a note
   * alone (REQUIRED_FIELD).
   */
  question?:
    /** overview asks for key figures. */
    | { case: "overview"; value: GetOverviewRequest }
    /** agent_metrics asks for the figures of an agent or a team. */
    | { case: "agentMetrics"; value: GetAgentMetricsRequest }
    /** usage_trends asks for series. */
    | { case: "usageTrends"; value: GetUsageTrendsRequest }
    /** query asks for a table by a dimension. */
    | { case: "query"; value: QueryMetricsRequest }
    /** daily_stats asks for a row for each day. */
    | { case: "dailyStats"; value: GetDailyStatsRequest }
    /** conversation_metrics asks how conversations went. */
    | { case: "conversationMetrics"; value: GetConversationMetricsRequest }
    /** costs asks for costs and tokens. */
    | { case: "costs"; value: GetCostsRequest }
    /** roi asks for the return of AI agents. */
    | { case: "roi"; value: GetRoiRequest }
    /** quota asks for the monthly quota of events. */
    | { case: "quota"; value: GetQuotaRequest }
    /** api_usage asks how APIs and tools are used. */
    | { case: "apiUsage"; value: GetApiUsageRequest }
    /** call_metrics asks how telephone calls went. */
    | { case: "callMetrics"; value: GetCallMetricsRequest }
    /** quality asks for scores. */
    | { case: "quality"; value: GetQualityRequest }
    /** leaderboard asks for a leaderboard. */
    | { case: "leaderboard"; value: GetLeaderboardRequest }
    /** funnel asks for the figures of a funnel. */
    | { case: "funnel"; value: QueryFunnelRequest }
    /** campaigns asks for campaigns. */
    | { case: "campaigns"; value: ListCampaignsRequest }
    /** campaign asks for one campaign. */
    | { case: "campaign"; value: GetCampaignRequest }
    /** user_retention asks how many users come back. */
    | { case: "userRetention"; value: GetUserRetentionRequest }
    /** agents asks for the list of agents. */
    | { case: "agents"; value: ListAgentsRequest }
    /** content_gaps asks for questions that the knowledge did not answer. It needs the scope events. */
    | { case: "contentGaps"; value: ListContentGapsRequest }
    /** conversations asks for a list of conversations. It needs the scope events. */
    | { case: "conversations"; value: ListConversationsRequest }
    /** realtime asks for the figures of now. Readers watch them. */
    | { case: "realtime"; value: GetRealtimeMetricsRequest }
    | undefined;
  /**
   * options say how the answer is shown, by kind, as \{"metric": "total_conversations"\}: at most 8 KiB as JSON. The service
   * does not look into them.
   */
  options?: Properties | undefined;
  /** note is text that stands in the tile, at most 4,000 characters. For a note it is the content. */
  note?: string | undefined;
}

/** TilePeriod is a period as people choose it: relative to now, so that it moves on, or days of the calendar. */
export interface TilePeriod {
  /**
   * range is "today", "yesterday", "24h", "7d", "28d", "90d", "month", "lastmonth", "year", or two days, both included, as
   * "2026-11-01..2026-11-28" (INVALID_VALUE). Unset: the page's.
   */
  range: string;
  /** comparison is "previous", "week", "year", "none", or two days as in range (INVALID_VALUE). Unset: the page's. */
  comparison: string;
  /** time_zone is the IANA zone of the days (INVALID_TIME_ZONE). Unset: the page's. */
  timeZone: string;
}

/** TilePeriod is a period as people choose it: relative to now, so that it moves on, or days of the calendar. */
export interface TilePeriodInit {
  /**
   * range is "today", "yesterday", "24h", "7d", "28d", "90d", "month", "lastmonth", "year", or two days, both included, as
   * "2026-11-01..2026-11-28" (INVALID_VALUE). Unset: the page's.
   */
  range?: string | undefined;
  /** comparison is "previous", "week", "year", "none", or two days as in range (INVALID_VALUE). Unset: the page's. */
  comparison?: string | undefined;
  /** time_zone is the IANA zone of the days (INVALID_TIME_ZONE). Unset: the page's. */
  timeZone?: string | undefined;
}

/** CreateDashboardRequest stores a new dashboard. */
export interface CreateDashboardRequest {
  /**
   * dashboard is what is stored. What the service sets is ignored, so the JSON of another dashboard can be given as it is.
   * Required.
   */
  dashboard?: DashboardInit | undefined;
}

/** CreateDashboardResponse holds the dashboard. */
export interface CreateDashboardResponse {
  /** dashboard is as it was stored. */
  dashboard?: Dashboard;
}

/** GetDashboardRequest asks for a dashboard. */
export interface GetDashboardRequest {
  /** dashboard_id names it. Required. */
  dashboardId?: string | undefined;
  /** version is the version that is wanted. Unset: the newest. */
  version?: number | bigint | undefined;
}

/** GetDashboardResponse holds a dashboard. */
export interface GetDashboardResponse {
  /** dashboard is the dashboard. Its etag is that of the newest version, whichever version was asked for. */
  dashboard?: Dashboard;
}

/** ListDashboardsRequest asks for all dashboards. */
export type ListDashboardsRequest = Readonly<Record<string, never>>;

/** ListDashboardsResponse holds dashboards. */
export interface ListDashboardsResponse {
  /** dashboards are those that the caller may see, by title, without tiles and period. */
  dashboards: Dashboard[];
}

/** UpdateDashboardRequest stores a new version of a dashboard. */
export interface UpdateDashboardRequest {
  /**
   * dashboard is the new version as a whole; dashboard_id says of which dashboard, and etag which version it was made from
   * (ETAG_MISMATCH). Without an etag whatever was changed meanwhile is overwritten. Only the owner can make a shared
   * dashboard personal (DASHBOARD_OWNER). Required.
   */
  dashboard?: DashboardInit | undefined;
}

/** UpdateDashboardResponse holds the dashboard. */
export interface UpdateDashboardResponse {
  /** dashboard is as it was stored. */
  dashboard?: Dashboard;
}

/** DeleteDashboardRequest deletes a dashboard. */
export interface DeleteDashboardRequest {
  /** dashboard_id names it. Required. */
  dashboardId?: string | undefined;
  /** etag is that of the version that is known (ETAG_MISMATCH). Unset: it is deleted whatever it is now. */
  etag?: string | undefined;
}

/** DeleteDashboardResponse says that the dashboard is deleted. */
export type DeleteDashboardResponse = Readonly<Record<string, never>>;

/** DuplicateDashboardRequest copies a dashboard. */
export interface DuplicateDashboardRequest {
  /** dashboard_id names the dashboard that is copied. Required. */
  dashboardId?: string | undefined;
  /** title is that of the copy, at most 200 characters. Unset: that of the original. */
  title?: string | undefined;
  /** visibility says who sees the copy. Unset: personal. */
  visibility?: DashboardVisibility | undefined;
}

/** DuplicateDashboardResponse holds the copy. */
export interface DuplicateDashboardResponse {
  /** dashboard is the copy. */
  dashboard?: Dashboard;
}

/** ListDashboardVersionsRequest asks for the versions of a dashboard. */
export interface ListDashboardVersionsRequest {
  /** dashboard_id names it. Required. */
  dashboardId?: string | undefined;
}

/** ListDashboardVersionsResponse holds the versions of a dashboard. */
export interface ListDashboardVersionsResponse {
  /** versions are those that are kept, newest first. */
  versions: DashboardVersion[];
}

/** DashboardVersion is a version of a dashboard. */
export interface DashboardVersion {
  /** version is its number. */
  version: number;
  /** title is the title that it had. */
  title: string;
  /** tiles is the number of its tiles. */
  tiles: number;
  /** updated_at is when it was stored. */
  updatedAt?: Instant;
  /** updated_by is the subject that stored it. */
  updatedBy: string;
}

/** ListDashboardTemplatesRequest asks for dashboards to begin with. */
export type ListDashboardTemplatesRequest = Readonly<Record<string, never>>;

/** ListDashboardTemplatesResponse holds dashboards to begin with. */
export interface ListDashboardTemplatesResponse {
  /**
   * templates are complete but for what the service sets; dashboard_id is a name such as "support". Titles are English.
   */
  templates: Dashboard[];
}

/**
 * DeliveryTopic is what a message is about.
 *
 * - `REPORT`: Runs of reports for the whole organization that have finished or failed: report.finished and report.failed.
 * - `ALERT`: Alerts.
 * - `ERASURE`: Erasures of people that are done: user.erased.
 * - `TASK`: Tasks that have failed for good: task.failed.
 * - `TEST`: Tests. No destination asks for them.
 * - `NOTICE`: What deliveries have to say of themselves. No destination asks for it.
 * - `THRESHOLD`: The organization has used 80, 90 or 100 % of its monthly quota of events: quota.threshold, once per threshold and month.
 */
export type DeliveryTopic =
  | "REPORT"
  | "ALERT"
  | "ERASURE"
  | "TASK"
  | "TEST"
  | "NOTICE"
  | "THRESHOLD"
  | `UNKNOWN_${number}`;

/**
 * WebhookFormat is what a webhook is sent.
 *
 * - `STANDARD`: JSON with type, timestamp and data, signed as https://www.standardwebhooks.com says.
 * - `SLACK`: A message for people, which incoming webhooks of Slack, Mattermost, Rocket.Chat and Discord (its URL and /slack) show: title, text, and buttons with links. It is signed, too, although none of these looks.
 */
export type WebhookFormat =
  | "STANDARD"
  | "SLACK"
  | `UNKNOWN_${number}`;

/**
 * PauseReason says why a destination is paused.
 *
 * - `ASKED`: Somebody has paused it.
 * - `FAILING`: Nothing has arrived for 3 days.
 * - `GONE`: The receiver has said that it is gone (HTTP 410).
 */
export type PauseReason =
  | "ASKED"
  | "FAILING"
  | "GONE"
  | `UNKNOWN_${number}`;

/**
 * DeliveryState is what has become of a delivery.
 *
 * - `QUEUED`: It is to be tried, for the first time or again.
 * - `HELD`: It waits until its destination is not paused any more.
 * - `DELIVERED`: The receiver has taken it.
 * - `DEAD`: It was given up.
 * - `CANCELLED`: Its destination was deleted, its recipient wants no more mail, or what it is about was deleted.
 */
export type DeliveryState =
  | "QUEUED"
  | "HELD"
  | "DELIVERED"
  | "DEAD"
  | "CANCELLED"
  | `UNKNOWN_${number}`;

/**
 * DeliveryOutcome is what a try came to.
 *
 * - `DELIVERED`: The receiver has taken it.
 * - `FAILED`: It failed, and is tried again.
 * - `REFUSED`: It failed for good: another try cannot help.
 */
export type DeliveryOutcome =
  | "DELIVERED"
  | "FAILED"
  | "REFUSED"
  | `UNKNOWN_${number}`;

/** Destination is a place to send things to. */
export interface Destination {
  /** destination_id names the destination. Set by the service. */
  destinationId: string;
  /** name is what people call it, at most 200 characters. Required. */
  name: string;
  /** target is where it is. The kind of a destination cannot change (INVALID_VALUE). Required. */
  target?:
    /** mail is a list of mailboxes. */
    | { case: "mail"; value: MailTarget }
    /** webhook is a URL. */
    | { case: "webhook"; value: WebhookTarget }
    /** store is a folder in an object store. */
    | { case: "store"; value: StoreTarget };
  /**
   * topics are what is sent there whenever it happens. Whoever names the destination, as schedules of reports do, sends
   * there whatever these are.
   */
  topics: DeliveryTopic[];
  /**
   * contact is a mail address that is told when the destination is paused since nothing arrives. Unset: the owner, if the
   * owner signs in by a mail address.
   */
  contact: string;
  /** paused says that messages are held, not sent. The service sets it, too: see pause_reason. */
  paused: boolean;
  /** owner is the subject that created it. Set by the service. */
  owner: string;
  /** version counts the changes, from 1. Set by the service. */
  version: number;
  /** etag is different after each change. Set by the service. */
  etag: string;
  /** created_at is when it was created. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when it was changed. Set by the service. */
  updatedAt?: Instant;
  /** pause_reason says why it is paused. Set by the service. */
  pauseReason?: PauseReason;
  /** paused_at is since when it is paused. Set by the service. */
  pausedAt?: Instant;
  /** failing_since is the first failure after which nothing has arrived. Set by the service. */
  failingSince?: Instant;
  /** delivered_at is when something arrived last. Set by the service. */
  deliveredAt?: Instant;
  /** unsubscribed are those of the addresses of mail that want no more of it. Set by the service. */
  unsubscribed: string[];
  /** old_secret_until is until when messages are signed by an earlier secret, too. Set by the service. */
  oldSecretUntil?: Instant;
}

/** Destination is a place to send things to. */
export interface DestinationInit {
  /** destination_id names the destination. Set by the service. */
  destinationId?: string | undefined;
  /** name is what people call it, at most 200 characters. Required. */
  name?: string | undefined;
  /** target is where it is. The kind of a destination cannot change (INVALID_VALUE). Required. */
  target?:
    /** mail is a list of mailboxes. */
    | { case: "mail"; value: MailTargetInit }
    /** webhook is a URL. */
    | { case: "webhook"; value: WebhookTargetInit }
    /** store is a folder in an object store. */
    | { case: "store"; value: StoreTargetInit }
    | undefined;
  /**
   * topics are what is sent there whenever it happens. Whoever names the destination, as schedules of reports do, sends
   * there whatever these are.
   */
  topics?: readonly DeliveryTopic[] | undefined;
  /**
   * contact is a mail address that is told when the destination is paused since nothing arrives. Unset: the owner, if the
   * owner signs in by a mail address.
   */
  contact?: string | undefined;
  /** paused says that messages are held, not sent. The service sets it, too: see pause_reason. */
  paused?: boolean | undefined;
  /** owner is the subject that created it. Set by the service. */
  owner?: string | undefined;
  /** version counts the changes, from 1. Set by the service. */
  version?: number | bigint | undefined;
  /** etag is different after each change. Set by the service. */
  etag?: string | undefined;
  /** created_at is when it was created. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when it was changed. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** pause_reason says why it is paused. Set by the service. */
  pauseReason?: PauseReason | undefined;
  /** paused_at is since when it is paused. Set by the service. */
  pausedAt?: InstantInit | undefined;
  /** failing_since is the first failure after which nothing has arrived. Set by the service. */
  failingSince?: InstantInit | undefined;
  /** delivered_at is when something arrived last. Set by the service. */
  deliveredAt?: InstantInit | undefined;
  /** unsubscribed are those of the addresses of mail that want no more of it. Set by the service. */
  unsubscribed?: readonly string[] | undefined;
  /** old_secret_until is until when messages are signed by an earlier secret, too. Set by the service. */
  oldSecretUntil?: InstantInit | undefined;
}

/** MailTarget is a list of mailboxes. Each gets a mail of its own. */
export interface MailTarget {
  /** addresses are like name\@example.org, 1 to 50 of them (INVALID_VALUE). */
  addresses: string[];
}

/** MailTarget is a list of mailboxes. Each gets a mail of its own. */
export interface MailTargetInit {
  /** addresses are like name\@example.org, 1 to 50 of them (INVALID_VALUE). */
  addresses?: readonly string[] | undefined;
}

/** WebhookTarget is a URL that is called. */
export interface WebhookTarget {
  /**
   * url begins with https://, or with http:// where the operator has allowed its address. Its port is 443 or 8443, and
   * its host is no address within a network (INVALID_VALUE); what a name stands for is looked at in each try. Required.
   */
  url: string;
  /** format is what is sent there (INVALID_ENUM). Unset: STANDARD. */
  format?: WebhookFormat;
}

/** WebhookTarget is a URL that is called. */
export interface WebhookTargetInit {
  /**
   * url begins with https://, or with http:// where the operator has allowed its address. Its port is 443 or 8443, and
   * its host is no address within a network (INVALID_VALUE); what a name stands for is looked at in each try. Required.
   */
  url?: string | undefined;
  /** format is what is sent there (INVALID_ENUM). Unset: STANDARD. */
  format?: WebhookFormat | undefined;
}

/**
 * StoreTarget is a folder in an object store. Files go to organization-ID/FOLDER/DAY/DELIVERY/, with message.json as the
 * last one.
 */
export interface StoreTarget {
  /** store is the name that the operator has given to an object store (CHANNEL_NOT_SET_UP). Required. */
  store: string;
  /** folder is within the organization's own folder: letters, digits and _.=- between slashes (INVALID_VALUE). */
  folder: string;
}

/**
 * StoreTarget is a folder in an object store. Files go to organization-ID/FOLDER/DAY/DELIVERY/, with message.json as the
 * last one.
 */
export interface StoreTargetInit {
  /** store is the name that the operator has given to an object store (CHANNEL_NOT_SET_UP). Required. */
  store?: string | undefined;
  /** folder is within the organization's own folder: letters, digits and _.=- between slashes (INVALID_VALUE). */
  folder?: string | undefined;
}

/** Delivery is a message on its way to one recipient. */
export interface Delivery {
  /** delivery_id names the delivery. */
  deliveryId: string;
  /** destination_id is the destination, which may have been deleted since. */
  destinationId: string;
  /** recipient is an address, a URL or a folder. */
  recipient: string;
  /** state is what has become of it. */
  state?: DeliveryState;
  /** topic is what the message is about. */
  topic?: DeliveryTopic;
  /** kind is the type of the message, for example "report.finished". */
  kind: string;
  /** subject_id names what the message is about. */
  subjectId: string;
  /** title is that of the message. */
  title: string;
  /**
   * receipt_id is what the receiver knows it by, in webhook-id or Message-ID: the same in each try, another one after
   * ResendDelivery.
   */
  receiptId: string;
  /** tries counts tries, since it was queued or sent again. */
  tries: number;
  /** created_at is when it was queued. */
  createdAt?: Instant;
  /** next_try_at is when it is tried next. Unset once it has ended. */
  nextTryAt?: Instant;
  /** ended_at is when it was delivered, given up or cancelled. */
  endedAt?: Instant;
  /** error says why the last try failed, or why it was cancelled or held. */
  error: string;
}

/** DeliveryAttempt is a try of a delivery. */
export interface DeliveryAttempt {
  /** number counts tries, from 1, over all times it was sent. */
  number: number;
  /** started_at is when it began. */
  startedAt?: Instant;
  /** finished_at is when the receiver had answered. Unset: see DELIVERY_OUTCOME_UNSPECIFIED. */
  finishedAt?: Instant;
  /** outcome is what it came to. */
  outcome?: DeliveryOutcome;
  /** status is the HTTP or SMTP code. 0: there was no answer. */
  status: number;
  /** answer is the beginning of what the receiver said, at most 1 KiB. */
  answer: string;
  /** error says what went wrong. */
  error: string;
}

/** DeliveryFile is a file of a message. */
export interface DeliveryFile {
  /** name is that of the file. */
  name: string;
  /** media_type is like application/pdf. */
  mediaType: string;
  /** size is in bytes. */
  size: number;
  /** sha256 is in hexadecimal digits. */
  sha256: string;
}

/** CreateDestinationRequest stores a destination. */
export interface CreateDestinationRequest {
  /** destination is what is stored. What the service sets is ignored. Required. */
  destination?: DestinationInit | undefined;
}

/** CreateDestinationResponse holds the destination. */
export interface CreateDestinationResponse {
  /** destination is as it was stored. */
  destination?: Destination;
  /** secret is that of a webhook, beginning with whsec_. It is shown only now. */
  secret: string;
}

/** GetDestinationRequest asks for a destination. */
export interface GetDestinationRequest {
  /** destination_id names it. Required. */
  destinationId?: string | undefined;
}

/** GetDestinationResponse holds a destination. */
export interface GetDestinationResponse {
  /** destination is the destination. */
  destination?: Destination;
}

/** ListDestinationsRequest asks for all destinations. */
export type ListDestinationsRequest = Readonly<Record<string, never>>;

/** ListDestinationsResponse holds destinations. */
export interface ListDestinationsResponse {
  /** destinations are all of them, by name. */
  destinations: Destination[];
  /** stores are the names of object stores that this deployment has. */
  stores: string[];
}

/** UpdateDestinationRequest changes a destination. */
export interface UpdateDestinationRequest {
  /**
   * destination is what it is from now on, as a whole; destination_id says which, and etag which version was read
   * (ETAG_MISMATCH). Without an etag whatever was changed meanwhile is overwritten. Required.
   */
  destination?: DestinationInit | undefined;
}

/** UpdateDestinationResponse holds the destination. */
export interface UpdateDestinationResponse {
  /** destination is as it was stored. */
  destination?: Destination;
}

/** DeleteDestinationRequest deletes a destination. */
export interface DeleteDestinationRequest {
  /** destination_id names it. Required. */
  destinationId?: string | undefined;
  /** etag is that of the version that is known (ETAG_MISMATCH). Unset: it is deleted whatever it is now. */
  etag?: string | undefined;
}

/** DeleteDestinationResponse says that it is deleted. */
export type DeleteDestinationResponse = Readonly<Record<string, never>>;

/** TestDestinationRequest sends a test message. */
export interface TestDestinationRequest {
  /** destination_id names the destination. Required. */
  destinationId?: string | undefined;
}

/** TestDestinationResponse names what was queued. */
export interface TestDestinationResponse {
  /** delivery_ids are the deliveries, one for each recipient. */
  deliveryIds: string[];
}

/** RotateSecretRequest gives a webhook another secret. */
export interface RotateSecretRequest {
  /** destination_id names it. Required. */
  destinationId?: string | undefined;
  /** overlap is for how long the old secret signs, too: 0 seconds to 30 days (INVALID_DURATION). Unset: a day. */
  overlap?: Milliseconds | undefined;
}

/** RotateSecretResponse holds the secret. */
export interface RotateSecretResponse {
  /** secret begins with whsec_. It is shown only now. */
  secret: string;
  /** old_secret_until is until when the old one signs, too. */
  oldSecretUntil?: Instant;
}

/** ListDeliveriesRequest asks for deliveries. */
export interface ListDeliveriesRequest {
  /** destination_id leaves those of other destinations out. */
  destinationId?: string | undefined;
  /** state leaves those in other states out. */
  state?: DeliveryState | undefined;
  /** topic leaves those of other topics out. */
  topic?: DeliveryTopic | undefined;
  /** subject_id leaves those about others out. */
  subjectId?: string | undefined;
  /** page_size is how many are wanted, 1 to 500 (VALUE_OUT_OF_RANGE). Unset: 50. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before, with everything else as before (PAGE_TOKEN_INVALID). */
  pageToken?: string | undefined;
}

/** ListDeliveriesResponse holds deliveries. */
export interface ListDeliveriesResponse {
  /** deliveries are newest first. */
  deliveries: Delivery[];
  /** next_page_token asks for the next page. Empty: this is the last one. */
  nextPageToken: string;
}

/** GetDeliveryRequest asks for a delivery. */
export interface GetDeliveryRequest {
  /** delivery_id names it. Required. */
  deliveryId?: string | undefined;
}

/** GetDeliveryResponse holds a delivery. */
export interface GetDeliveryResponse {
  /** delivery is the delivery. */
  delivery?: Delivery;
  /** attempts are its tries, oldest first. */
  attempts: DeliveryAttempt[];
  /** text is that of the message. */
  text: string;
  /** files are those of the message. */
  files: DeliveryFile[];
}

/** ResendDeliveryRequest sends a delivery again. */
export interface ResendDeliveryRequest {
  /** delivery_id names it. Required. */
  deliveryId?: string | undefined;
}

/** ResendDeliveryResponse holds the delivery. */
export interface ResendDeliveryResponse {
  /** delivery is as it is now. */
  delivery?: Delivery;
}

/** CreateDownloadLinkRequest asks for a link. */
export interface CreateDownloadLinkRequest {
  /** delivery_id names the delivery. Required. */
  deliveryId?: string | undefined;
  /** file is the place of the file in its list, from 0 (VALUE_OUT_OF_RANGE). */
  file?: number | undefined;
}

/** CreateDownloadLinkResponse holds a link. */
export interface CreateDownloadLinkResponse {
  /** url is the link. */
  url: string;
  /** expires_at is when it opens nothing any more. */
  expiresAt?: Instant;
}

/** ReadDownloadRequest asks for a part of a file. */
export interface ReadDownloadRequest {
  /** token is what stands behind /download/ in a link. Required. */
  token?: string | undefined;
  /** offset is where the part begins, in bytes (VALUE_OUT_OF_RANGE). */
  offset?: number | bigint | undefined;
}

/** ReadDownloadResponse holds a part of a file. */
export interface ReadDownloadResponse {
  /** file is the file. */
  file?: DeliveryFile;
  /** content is the part, at most 1 MiB. It is empty at the end of the file. */
  content: Uint8Array;
}

/** ChangeMailSubscriptionRequest says what a recipient wants. */
export interface ChangeMailSubscriptionRequest {
  /** token is what stands behind /mail/ in a link. Required. */
  token?: string | undefined;
  /** subscribed says that the recipient wants mail. */
  subscribed?: boolean | undefined;
}

/** ChangeMailSubscriptionResponse says whose mail it is about. */
export interface ChangeMailSubscriptionResponse {
  /** address is the recipient. */
  address: string;
}

/**
 * LeadOutcome is how a lead stands.
 *
 * - `OPEN`: Neither converted nor lost, or opened again after it was lost.
 * - `CONVERTED`: Converted, and not lost later.
 * - `LOST`: Lost.
 */
export type LeadOutcome =
  | "OPEN"
  | "CONVERTED"
  | "LOST"
  | `UNKNOWN_${number}`;

/**
 * LeadOrder is what leads are put in order by. Leads that are equal in it come by lead_id.
 *
 * - `CREATED`: By created_at.
 * - `LAST_SEEN`: By last_seen_at.
 * - `VALUE`: By value_micros, whatever the currency; leads without a value come last.
 * - `LEAD_ID`: By lead_id, byte by byte.
 */
export type LeadOrder =
  | "CREATED"
  | "LAST_SEEN"
  | "VALUE"
  | "LEAD_ID"
  | `UNKNOWN_${number}`;

/** Lead is what a lead has come to, whatever the order in which its events arrived. */
export interface Lead {
  /** lead_id is the lead, as on its events. */
  leadId: string;
  /**
   * created_at is when its earliest lead.created occurred, or where none was told its first event. In the period that
   * holds it the lead counts as generated.
   */
  createdAt?: Instant;
  /** first_seen_at is when its earliest event occurred. */
  firstSeenAt?: Instant;
  /** last_seen_at is when its latest event occurred. */
  lastSeenAt?: Instant;
  /** agent_id is the agent that the lead counts for: that of the event of created_at. Empty: it names none. */
  agentId: string;
  /** channel is the channel of that event. Empty: it names none. */
  channel: string;
  /** team_id is the team of that event. Empty: it names none. */
  teamId: string;
  /** campaign_id is the campaign of that event. Empty: it names none. */
  campaignId: string;
  /** latest_agent_id is the agent of its latest event that names one. Empty: none does. */
  latestAgentId: string;
  /** stage is the stage that it entered last. Empty: it entered none. */
  stage: string;
  /** stage_entered_at is when it entered that stage last. Unset: it entered none. */
  stageEnteredAt?: Instant;
  /** outcome is how it stands. */
  outcome?: LeadOutcome;
  /** contacted_at is when it was contacted first. Unset: it was not. */
  contactedAt?: Instant;
  /** converted_at is when it was converted first. Unset: it was not. */
  convertedAt?: Instant;
  /** lost_at is when it was lost last. Unset: it was not. It may have been opened again since. */
  lostAt?: Instant;
  /** value_micros is the newest value that was told, in millionths of currency. Unset: none was told. */
  valueMicros?: number;
  /**
   * currency is the ISO 4217 code of that value: the organization's where it was told without one. Empty: there is no
   * value.
   */
  currency: string;
  /**
   * steps are what happened to the lead, in order, the first 200 of them: each stage that it entered, and its creations,
   * contacts, conversions and losses. What happened twice at one time is there once. GetLead alone sets it.
   */
  steps: LeadStep[];
  /** amount is what the lead adds to the figure of a rows_token. Unset: the list was asked for without one. */
  amount?: number;
}

/** LeadStep is something that happened to a lead. */
export interface LeadStep {
  /** event_type is what happened, as on the event. */
  eventType: string;
  /** stage is the stage that lead.stage_entered names. */
  stage: string;
  /** occurred_at is when. */
  occurredAt?: Instant;
}

/** ListLeadsRequest asks for leads. Filters narrow the list together. */
export interface ListLeadsRequest {
  /** prefix keeps leads whose lead_id begins with it. At most 256 bytes. */
  prefix?: string | undefined;
  /** agent_id keeps leads of this agent. At most 256 bytes, as all ids and names here. */
  agentId?: string | undefined;
  /** channel keeps leads of this channel. */
  channel?: string | undefined;
  /** team_id keeps leads of this team. */
  teamId?: string | undefined;
  /** campaign_id keeps leads of this campaign. */
  campaignId?: string | undefined;
  /** reached_stage keeps leads that have entered this stage, whatever came later. */
  reachedStage?: string | undefined;
  /** stage keeps leads that entered this stage last. */
  stage?: string | undefined;
  /** outcome keeps leads that stand so. */
  outcome?: LeadOutcome | undefined;
  /**
   * min_value_micros keeps leads with at least this value, in currency or, where that is unset, in any. At most
   * max_value_micros (INVALID_VALUE).
   */
  minValueMicros?: number | bigint | undefined;
  /** max_value_micros keeps leads with at most this value, in currency or, where that is unset, in any. */
  maxValueMicros?: number | bigint | undefined;
  /**
   * currency keeps leads with a value in this currency (ISO 4217). Values that were told without one are in that of the
   * organization.
   */
  currency?: string | undefined;
  /** created_from keeps leads created at this instant or later. */
  createdFrom?: InstantInit | undefined;
  /** created_before keeps leads created before this instant. Later than created_from (INVALID_TIME_RANGE). */
  createdBefore?: InstantInit | undefined;
  /**
   * order_by is the order. Unset: by created_at. At most 20,000 leads are put in order by last_seen_at or value_micros, or
   * by created_at where prefix is set: where filters leave more the question is refused (TOO_MANY_VALUES).
   */
  orderBy?: LeadOrder | undefined;
  /** direction is the direction of the order. Unset: descending, and ascending by lead_id. */
  direction?: SortDirection | undefined;
  /** page_size is the most leads to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it
   * was then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
  /**
   * rows_token is that of a figure about leads: the list then has the leads that it was counted from. It goes without
   * other filters, and in the order by created_at. Once events of leads have come in, or were corrected or retracted,
   * since the figure was answered, or more than 100,000 events of any kind have come in, the leads of then cannot be told
   * from those of now (ROWS_TOKEN_EXPIRED): ask for the figure again.
   */
  rowsToken?: string | undefined;
}

/** ListLeadsResponse holds a page of leads. */
export interface ListLeadsResponse {
  /** context says what the answer holds. It has no bounds. */
  context?: AnswerContext;
  /**
   * leads are those of the page, in order. A page looks at a bounded number of leads, so it may have fewer than page_size,
   * even none, and still a next page.
   */
  leads: Lead[];
  /**
   * next_page_token asks for the next page. Empty: there is none. The list goes on after the last lead that was looked at:
   * a lead whose place changes between two pages, by its value or its times, may come twice or not at all.
   */
  nextPageToken: string;
  /** figure says how the leads add up to the figure of rows_token. Unset without one. */
  figure?: FigureRows;
}

/** GetLeadRequest asks for one lead. */
export interface GetLeadRequest {
  /** lead_id is the lead, as on its events. Required, at most 256 bytes. */
  leadId?: string | undefined;
}

/** GetLeadResponse holds what a lead has come to. */
export interface GetLeadResponse {
  /** context says what the answer holds. It has no bounds. */
  context?: AnswerContext;
  /** lead is the lead. */
  lead?: Lead;
}

/**
 * ErrorReason is the reason field of google.rpc.ErrorInfo (domain "tallywire") in every error of this service, without
 * the prefix ERROR_REASON_. An error about one field also carries a google.rpc.BadRequest that names the field, and the
 * metadata key "field". An error that goes away by waiting carries a google.rpc.RetryInfo: retry RESOURCE_EXHAUSTED
 * only if it has one. The comment of each reason gives its status and its further metadata keys.
 *
 * - `MALFORMED_MESSAGE`: INVALID_ARGUMENT. The request's bytes are not the expected message: cut, damaged, or text that is not UTF-8.
 * - `REQUIRED_FIELD`: INVALID_ARGUMENT. A required field is not set.
 * - `FIELD_TOO_LONG`: INVALID_ARGUMENT. A text is longer than allowed. Metadata: limit, in bytes.
 * - `NUL_CHARACTER`: INVALID_ARGUMENT. A text holds U+0000.
 * - `INVALID_CHARACTER`: INVALID_ARGUMENT. A text holds a character that the field does not allow.
 * - `PLACEHOLDER_ID`: INVALID_ARGUMENT. A required id or a lead_id is a placeholder ("0", "null", "undefined", "[object Object]", the nil UUID …): everything from all clients that send it would become one event, conversation, agent or lead. In other fields placeholders count as unset, with a warning of the same name.
 * - `INVALID_EVENT_TYPE`: INVALID_ARGUMENT. event_type is not dot-separated parts of [a-z0-9_].
 * - `INVALID_TIMESTAMP`: INVALID_ARGUMENT. A timestamp is outside year 1 to 9999, has bad nanoseconds, or lies after sent_at.
 * - `INVALID_ENUM`: INVALID_ARGUMENT. An enum has a number that this server does not know.
 * - `INVALID_VALUE`: INVALID_ARGUMENT. A value has the right type but makes no sense.
 * - `VALUE_OUT_OF_RANGE`: OUT_OF_RANGE. A number is outside its limits. Metadata: minimum, maximum.
 * - `NOT_A_NUMBER`: INVALID_ARGUMENT. A number is NaN or infinite.
 * - `DETAIL_MISMATCH`: INVALID_ARGUMENT. detail belongs to another family than event_type.
 * - `TOO_MANY_PROPERTIES`: INVALID_ARGUMENT. properties has more than 100 keys. Metadata: limit.
 * - `PROPERTIES_TOO_DEEP`: INVALID_ARGUMENT. properties is nested more than 8 deep.
 * - `PROPERTIES_TOO_LARGE`: INVALID_ARGUMENT. properties is larger than 16 KiB as JSON. Metadata: limit, in bytes.
 * - `EVENT_TOO_LARGE`: INVALID_ARGUMENT. The event is larger than 64 KiB. Metadata: limit, in bytes.
 * - `TOO_MANY_EVENTS`: INVALID_ARGUMENT. A batch holds more than 1,000 events. Metadata: limit.
 * - `EVENT_TOO_OLD`: OUT_OF_RANGE. occurred_at is too long ago: more than 35 days without the scope backfill, before 1980-01-01, or before the time from which the organization keeps event ids. Metadata: earliest, RFC 3339.
 * - `EVENT_IN_FUTURE`: OUT_OF_RANGE. occurred_at is more than an hour ahead. Metadata: latest, RFC 3339.
 * - `EVENT_ID_CONFLICT`: ALREADY_EXISTS. An event with this id and other content is stored; the first event stands.
 * - `INVALID_DURATION`: INVALID_ARGUMENT. The seconds and nanos of a duration differ in sign, or one of them exceeds what a Duration may hold.
 * - `REQUEST_TOO_LARGE`: INVALID_ARGUMENT. A question is larger than 64 KiB, or a batch has more than 4 KiB beside its events. Metadata: limit, in bytes.
 * - `CREDENTIALS_MISSING`: UNAUTHENTICATED. There is no "authorization" metadata, or it does not have the form "Bearer KEY".
 * - `CREDENTIALS_INVALID`: UNAUTHENTICATED. The key is unknown, expired or revoked, or its organization was revoked.
 * - `AMBIGUOUS_CREDENTIALS`: UNAUTHENTICATED. More than one credential was sent.
 * - `AUTH_RATE_LIMIT`: RESOURCE_EXHAUSTED with RetryInfo. This key is bad, and this address has sent it more than 100 times within 10 seconds. Good keys from the same address are let in.
 * - `SCOPE_MISSING`: PERMISSION_DENIED. The key lacks the scope that the RPC, or a field that is set in the request, needs. Metadata: scope.
 * - `TENANT_SUSPENDED`: FAILED_PRECONDITION. The organization is suspended.
 * - `INVALID_TIME_RANGE`: INVALID_ARGUMENT. end is not later than start, or start is after the year 8999.
 * - `TIME_RANGE_TOO_LARGE`: INVALID_ARGUMENT. The period is longer than 1,830 days, or than the 400 that daily statistics have. Metadata: limit_days.
 * - `TIME_BEFORE_FLOOR`: OUT_OF_RANGE. start is before 1980-01-01T00:00:00Z.
 * - `INVALID_TIME_ZONE`: INVALID_ARGUMENT. time_zone is not the name of an IANA time zone.
 * - `TOO_MANY_POINTS`: INVALID_ARGUMENT. The series would have more than 2,000 points. Metadata: limit; for a backtest of an alert rule longest_seconds, which is how long its period may be.
 * - `UNKNOWN_METRIC`: INVALID_ARGUMENT. There is no metric of this name, or it has no series. Metadata: metric.
 * - `TOO_MANY_METRICS`: INVALID_ARGUMENT. More metrics than allowed. Metadata: limit.
 * - `TOO_MANY_FILTERS`: INVALID_ARGUMENT. More filters than allowed, or two by the same dimension: figures are kept by single dimensions and by pairs of them. Metadata: limit.
 * - `AGENT_NOT_FOUND`: NOT_FOUND. The organization has never sent an event that carries this agent_id.
 * - `CARDINALITY_OVERFLOW`: FAILED_PRECONDITION. The value of a dimension that was asked about has no figures of its own: it was first seen after the organization had reached its limit of distinct values, and is counted together with others. Metadata: counted_under, the value ("_other") that gives the figures of all of them.
 * - `UNKNOWN_FIELD`: INVALID_ARGUMENT. A question or subscription has a field that this server does not know. If the server ignored the field, a filter for example, it would answer for more than was asked. Events may have such fields. Metadata: path of the message that has the field (empty: the request), and number, that of the field.
 * - `UNKNOWN_DIMENSION`: INVALID_ARGUMENT. There is no dimension of this name, or what was asked for cannot be narrowed by it; the message lists those by which it can. Metadata: dimension.
 * - `PAIR_NOT_KEPT`: FAILED_PRECONDITION. The two filters name a pair of dimensions by which the organization keeps no figures. The operator can declare it, and figures of the time before are then counted from raw events. Metadata: pair, and kept, the pairs that can be used.
 * - `PAIR_INCOMPLETE`: FAILED_PRECONDITION. Figures by the pair of dimensions are not complete for the period: with RetryInfo while they are still being counted, else the period begins before complete_from. Metadata: pair, complete_from (RFC 3339).
 * - `PAGE_TOKEN_INVALID`: INVALID_ARGUMENT. page_token is damaged or forged, or belongs to another organization.
 * - `PAGE_TOKEN_MISMATCH`: INVALID_ARGUMENT. page_token belongs to another question: all but page_size must be as for the page before.
 * - `PAGE_TOKEN_EXPIRED`: FAILED_PRECONDITION. The figures have changed since the page before, so that the next page would not fit it: ask for the first page again. Metadata: revision, that of the page before, and newest_revision.
 * - `ROWS_TOKEN_INVALID`: INVALID_ARGUMENT. rows_token is damaged or forged, belongs to another organization, or opens another list: kind beside it says which one. Metadata: kind, if another list takes it.
 * - `ROWS_TOKEN_EXPIRED`: FAILED_PRECONDITION. The rows behind the figure can no longer be told from those of now: the database was restored to an earlier point, or what was counted has changed too much since. Ask for the figure again. Metadata: revision, that of the figure.
 * - `TOO_MANY_VALUES`: FAILED_PRECONDITION. There are too many rows to be put in the order that was asked for, or to be ordered by a percentile or by distinct ids; too many values to tell what a change is made of; or too many users, or days of theirs, to forecast who comes back. Metadata: limit.
 * - `CHANGES_NOT_KEPT`: OUT_OF_RANGE. What has changed since since_revision is no longer known: the log of updates does not reach back to it, or there are too many revisions since. Read the figures anew. Metadata: oldest_revision that can be asked about.
 * - `RAW_EVENTS_GONE`: FAILED_PRECONDITION. The answer needs raw events of a time of which they are no longer kept. Metadata: kept_from (RFC 3339).
 * - `TEAM_NOT_FOUND`: NOT_FOUND. The organization has never sent an event that carries this team_id.
 * - `DIMENSION_REQUIRED`: INVALID_ARGUMENT. The metric is never mixed over the values of a dimension, such as amounts of several currencies or scores by several rubrics: the question must be narrowed to one value, or ask for a row of each. Metadata: metric, dimension.
 * - `CAMPAIGN_NOT_FOUND`: NOT_FOUND. The campaign asked about has never had an event.
 * - `EVENT_NOT_FOUND`: NOT_FOUND. The organization has no event of this id, or its raw event is no longer kept, or it was retracted.
 * - `EVENT_NOT_CORRECTABLE`: FAILED_PRECONDITION. The event cannot be corrected: it describes an agent, or the service has made it.
 * - `CONVERSATION_NOT_FOUND`: NOT_FOUND. The organization has never sent an event that carries this conversation_id.
 * - `USER_NOT_FOUND`: NOT_FOUND. No event has ever carried this user_id.
 * - `STREAM_HEADER_DUPLICATE`: INVALID_ARGUMENT. A second header on one stream. Trailer: last-acked-sequence.
 * - `SEQUENCE_GAP`: INVALID_ARGUMENT. The sequence of a batch is more than one above the one before. Trailer: last-acked-sequence. Metadata: expected.
 * - `ACK_BACKLOG`: RESOURCE_EXHAUSTED. The client does not read its acknowledgements. The outcome of what is not acknowledged is unknown. Trailer: last-acked-sequence.
 * - `STREAM_LIMIT`: RESOURCE_EXHAUSTED with RetryInfo. The organization has too many streams on this server. Metadata: limit.
 * - `DRAINING`: UNAVAILABLE with RetryInfo. The server is about to stop: connect again, to any server. Trailer: last-acked-sequence.
 * - `STREAM_AGE`: UNAVAILABLE with RetryInfo. The stream or subscription has lasted as long as one may, so that calls spread over servers that were added: connect again and go on. Trailer: last-acked-sequence, or resume-token.
 * - `STREAM_IDLE`: UNAVAILABLE with RetryInfo. No whole message has arrived on the stream for minutes. Trailer: last-acked-sequence.
 * - `RESUME_TOKEN_INVALID`: INVALID_ARGUMENT. resume_after is damaged or forged, or belongs to another organization or another filter.
 * - `FUTURE_REVISION`: OUT_OF_RANGE. resume_after or since_revision refers to a revision that the organization has not reached (was the database restored from a backup?). Metadata: revision.
 * - `COMPACTED`: OUT_OF_RANGE. The updates after resume_after are no longer kept: read the figures anew by GetUsageTrends. Metadata: oldest_revision and oldest_token, from which the stream can go on.
 * - `INTERVAL_OUT_OF_RANGE`: INVALID_ARGUMENT. min_interval is not within 100 milliseconds to 1 minute. Metadata: minimum_ms, maximum_ms.
 * - `SUBSCRIPTION_LIMIT`: RESOURCE_EXHAUSTED with RetryInfo. The organization or the server has too many subscriptions, or the organization watches too many different filters with WatchMetrics. Metadata: limit.
 * - `SLOW_CONSUMER`: RESOURCE_EXHAUSTED. The client does not read its updates. Trailer: resume-token.
 * - `RESTORED`: OUT_OF_RANGE. The database was restored to an earlier point. The revisions since then are not those that the subscription, or resume_after, refers to: read the figures anew, and subscribe without resume_after. Metadata: epoch, the present one.
 * - `STORAGE_UNAVAILABLE`: UNAVAILABLE with RetryInfo. The database cannot be reached. No acknowledged event is lost.
 * - `DURABILITY_WEAK`: UNAVAILABLE with RetryInfo. The database is configured so that an acknowledged event could be lost. The server stores nothing until the operator has corrected that.
 * - `OVERLOADED`: UNAVAILABLE with RetryInfo. The server cannot keep up; or the server or the organization has as many bytes or calls in flight as it may have, which is less while the server is short of memory; or the organization's events have been queued for too long. Nothing of this call is stored: it was refused before it was read.
 * - `STORAGE_BUSY`: UNAVAILABLE with RetryInfo. No database connection became free within a second: others are being served.
 * - `QUERY_CONCURRENCY`: RESOURCE_EXHAUSTED with RetryInfo. The organization or the server has too many questions at once, or the organization has too many filters whose realtime figures are being worked out. Metadata: limit, if it is the limit of filters.
 * - `DEADLINE`: DEADLINE_EXCEEDED. The server's own limit, or the caller's, has passed. The server ends a stream or subscription a second (or a tenth of its time) before the caller's deadline, so that its trailer arrives: last-acked-sequence, or resume-token.
 * - `INTERNAL`: INTERNAL. A fault of the server. The server's log has the details under the request id; calls that fail for one cause within seconds share an id. Metadata: request_id.
 * - `EVENT_QUOTA`: RESOURCE_EXHAUSTED, with QuotaFailure and without RetryInfo. The call has more new events than the organization may still store in this calendar month of UTC. Nothing of the call is stored, not even what would fit: send less, wait for resets_at, or ask the operator. Events that are stored already cost nothing and stay DUPLICATE. Metadata: limit, left, resets_at (RFC 3339).
 * - `EVENT_RATE`: RESOURCE_EXHAUSTED with RetryInfo. The organization sends more events per second than it may. Nothing of the call is stored. A stream is slowed down first. Metadata: limit, in events per second.
 * - `TOO_MANY_RAW_EVENTS`: FAILED_PRECONDITION. The series would have to be counted from more raw events than the server counts for one question: ask for points of a quarter of an hour or more, or for a shorter period. Metadata: limit, in events.
 * - `CUSTOM_METRIC_EXISTS`: ALREADY_EXISTS. The organization has a custom metric of this name. Metadata: metric.
 * - `CUSTOM_METRIC_NOT_FOUND`: NOT_FOUND. The organization has no custom metric of this name. Metadata: metric.
 * - `CUSTOM_METRIC_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many custom metrics as it may have: delete one. Metadata: limit.
 * - `INVALID_PATH`: INVALID_ARGUMENT. A path does not name a value that events of these types can carry. Metadata: path.
 * - `CUSTOM_METRIC_INCOMPLETE`: FAILED_PRECONDITION. A custom metric is not complete for the period: with RetryInfo while the events before its definition are being counted, else the period begins before complete_from. Metadata: metric, progress or complete_from (RFC 3339).
 * - `FUNNEL_EXISTS`: ALREADY_EXISTS. The organization has a saved funnel of this name, or one was saved with this request_id that is not the same. Metadata: funnel.
 * - `FUNNEL_NOT_FOUND`: NOT_FOUND. The organization has no saved funnel of this name. Metadata: funnel.
 * - `FUNNEL_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many saved funnels as it may have: delete one. Metadata: limit.
 * - `LEAD_NOT_FOUND`: NOT_FOUND. No event of a lead has ever named this lead_id.
 * - `USER_ERASED`: FAILED_PRECONDITION. The user of the event was erased, and the organization refuses later events of erased people.
 * - `ERASURE_NOT_FOUND`: NOT_FOUND. The organization has no such erasure.
 * - `CONTENT_GAP_NOT_FOUND`: NOT_FOUND. No content gap of this topic was ever found.
 * - `CONTENT_GAP_MERGED`: FAILED_PRECONDITION. The topic was merged into another one, or others were merged into it. Metadata: topic, and into_topic if it was merged.
 * - `CONTENT_GAP_NOT_MERGED`: FAILED_PRECONDITION. The topic was not merged into another one.
 * - `ETAG_MISMATCH`: FAILED_PRECONDITION. What is to be changed was changed since it was read: read it again. Metadata: etag, the one that it has now.
 * - `KEY_REQUIRED`: PERMISSION_DENIED. The call needs an API key itself, and was made with a session or an embed token.
 * - `EMBED_NOT_ALLOWED`: PERMISSION_DENIED. The embed token does not allow this RPC, this filter, or a table of users. Metadata: rpc.
 * - `DASHBOARD_NOT_FOUND`: NOT_FOUND. There is no dashboard of this id that the caller may see, or this version of it is no longer kept.
 * - `DASHBOARD_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. There are as many dashboards as there may be: delete one. Metadata: limit.
 * - `DASHBOARD_OWNER`: PERMISSION_DENIED. A shared dashboard is made personal by its owner alone. Metadata: owner.
 * - `FORMAT_NOT_INSTALLED`: FAILED_PRECONDITION. The server lacks the library that writes files of this format. Metadata: command, which its operator runs to install it.
 * - `REPORT_NOT_FOUND`: NOT_FOUND. There is no report of this id that the caller may see, or this version of it is no longer kept.
 * - `REPORT_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. There are as many reports, schedules or runs that have not ended as there may be. Metadata: limit.
 * - `REPORT_OWNER`: PERMISSION_DENIED. The visibility and the people of a report are changed by its owner alone, and a report by those who may edit it. Metadata: owner.
 * - `REPORT_RUN_NOT_FOUND`: NOT_FOUND. There is no run of this id that the caller may see.
 * - `REPORT_FILE_NOT_FOUND`: NOT_FOUND. The run has no file of this format: it has not succeeded, was not asked for this format, or its files are deleted.
 * - `REPORT_SCHEDULE_NOT_FOUND`: NOT_FOUND. There is no schedule of this id that the caller may see.
 * - `DESTINATION_NOT_FOUND`: NOT_FOUND. The organization has no such destination. Metadata: destination.
 * - `DESTINATION_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many destinations as it may have: delete one. Metadata: limit.
 * - `CHANNEL_NOT_SET_UP`: FAILED_PRECONDITION. This deployment cannot send that way: its operator has set up no mail server, or no object store of this name. Metadata: channel.
 * - `DELIVERY_NOT_FOUND`: NOT_FOUND. The organization has no such delivery (any more). Metadata: delivery.
 * - `DELIVERY_UNDER_WAY`: FAILED_PRECONDITION. The delivery is still under way. Metadata: delivery.
 * - `LINK_INVALID`: NOT_FOUND. The link is damaged or has expired, or what it opens is not there any more.
 * - `TEST_RATE`: RESOURCE_EXHAUSTED with RetryInfo. The organization has sent as many test messages in a minute as it may. Metadata: limit.
 * - `ALERT_RULE_NOT_FOUND`: NOT_FOUND. The organization has no such alert rule. Metadata: rule.
 * - `ALERT_RULE_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many alert rules as it may have, or the incident as many comments. Metadata: limit.
 * - `INCIDENT_NOT_FOUND`: NOT_FOUND. The organization has no such incident. Metadata: incident.
 * - `TIME_IN_FUTURE`: OUT_OF_RANGE. The instant is farther ahead than it may be. Metadata: latest.
 * - `FORECAST_NOT_INSTALLED`: FAILED_PRECONDITION. The server lacks what forecasts are computed with: its operator has to install it. Metadata: command.
 * - `HISTORY_TOO_SHORT`: FAILED_PRECONDITION. The history is too short to measure the error of a forecast. Metadata: needed, and found, in the unit that the message names.
 * - `METRIC_NOT_ADDITIVE`: INVALID_ARGUMENT. What the metric has changed by is no sum over the values of a dimension: it is a distinct count, a percentile, or a ratio of such. Metadata: metric.
 * - `RESTRICTED`: PERMISSION_DENIED. The caller is restricted to a part of the organization, and this RPC or this question is about more. Metadata: dimension, values.
 * - `NETWORK_NOT_ALLOWED`: PERMISSION_DENIED. The credential may not be used from the address that the call came from. Metadata: networks.
 * - `NO_ROLE`: PERMISSION_DENIED. The identity token or the certificate is good, but its holder has no role in the organization: no claim gives one, there is no such role, or membership is required. The message says which.
 * - `IDENTITY_PROVIDER_UNAVAILABLE`: UNAVAILABLE with RetryInfo. The keys of the identity provider cannot be fetched, so nobody can say whether the token is good.
 * - `OPERATOR_REQUIRED`: PERMISSION_DENIED. This is for operators of the deployment. Metadata: setting, where it is one.
 * - `NOT_FOR_OPERATORS`: PERMISSION_DENIED. An operator's key is in no organization: it may call AdminService and nothing else.
 * - `ORGANIZATION_NOT_FOUND`: NOT_FOUND. There is no organization of this name that the caller may administer. Metadata: organization.
 * - `ORGANIZATION_EXISTS`: ALREADY_EXISTS. There is an organization of this name, or one was made with this request_id that is not the same. Metadata: organization.
 * - `ORGANIZATION_REVOKED`: FAILED_PRECONDITION. The organization is revoked, which is for good. Metadata: organization.
 * - `KEY_NOT_FOUND`: NOT_FOUND. The organization has no API key of this id, or none that is good, where that is needed. Metadata: key.
 * - `KEY_EXISTS`: ALREADY_EXISTS. A key was made with this request_id. Its secret cannot be shown again: rotate that key. Metadata: key.
 * - `KEY_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many good API keys as it may have: revoke one. Metadata: limit.
 * - `LAST_ADMIN_KEY`: FAILED_PRECONDITION. No other key of the organization with the scope admin is good for as long as this one: make one first, or ask the operator. Metadata: key.
 * - `ROLE_NOT_FOUND`: NOT_FOUND. The organization has no role of this name. Metadata: role.
 * - `ROLE_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many roles of its own as it may have: delete one. Metadata: limit.
 * - `ROLE_IN_USE`: FAILED_PRECONDITION. Members have this role: give them another one first. Metadata: role.
 * - `MEMBER_NOT_FOUND`: NOT_FOUND. The organization has no member of this subject.
 * - `MEMBER_LIMIT`: RESOURCE_EXHAUSTED without RetryInfo. The organization has as many members as it may have: remove one. Metadata: limit.
 * - `TASK_NOT_FOUND`: NOT_FOUND. There is no such task (any more) that the caller may see. Metadata: task.
 * - `TASK_STATE`: FAILED_PRECONDITION. The task cannot be retried or cancelled in the state that it has, or one of its like is under way. Metadata: task, state.
 * - `SCHEDULE_NOT_FOUND`: NOT_FOUND. The organization, or the service, has no such schedule. Metadata: schedule.
 * - `ORGANIZATION_DELETING`: FAILED_PRECONDITION. The organization is to be deleted: resume it first. Metadata: organization.
 * - `SESSION_NOT_FOUND`: NOT_FOUND. There is no such session that the caller may see, or it ended long ago. Metadata: session.
 * - `KEY_OUTLIVES_MAKER`: PERMISSION_DENIED. A key that is made or rotated would be good for longer than the caller's own key. Metadata: expires_at.
 */
export type ErrorReason =
  | "MALFORMED_MESSAGE"
  | "REQUIRED_FIELD"
  | "FIELD_TOO_LONG"
  | "NUL_CHARACTER"
  | "INVALID_CHARACTER"
  | "PLACEHOLDER_ID"
  | "INVALID_EVENT_TYPE"
  | "INVALID_TIMESTAMP"
  | "INVALID_ENUM"
  | "INVALID_VALUE"
  | "VALUE_OUT_OF_RANGE"
  | "NOT_A_NUMBER"
  | "DETAIL_MISMATCH"
  | "TOO_MANY_PROPERTIES"
  | "PROPERTIES_TOO_DEEP"
  | "PROPERTIES_TOO_LARGE"
  | "EVENT_TOO_LARGE"
  | "TOO_MANY_EVENTS"
  | "EVENT_TOO_OLD"
  | "EVENT_IN_FUTURE"
  | "EVENT_ID_CONFLICT"
  | "INVALID_DURATION"
  | "REQUEST_TOO_LARGE"
  | "CREDENTIALS_MISSING"
  | "CREDENTIALS_INVALID"
  | "AMBIGUOUS_CREDENTIALS"
  | "AUTH_RATE_LIMIT"
  | "SCOPE_MISSING"
  | "TENANT_SUSPENDED"
  | "INVALID_TIME_RANGE"
  | "TIME_RANGE_TOO_LARGE"
  | "TIME_BEFORE_FLOOR"
  | "INVALID_TIME_ZONE"
  | "TOO_MANY_POINTS"
  | "UNKNOWN_METRIC"
  | "TOO_MANY_METRICS"
  | "TOO_MANY_FILTERS"
  | "AGENT_NOT_FOUND"
  | "CARDINALITY_OVERFLOW"
  | "UNKNOWN_FIELD"
  | "UNKNOWN_DIMENSION"
  | "PAIR_NOT_KEPT"
  | "PAIR_INCOMPLETE"
  | "PAGE_TOKEN_INVALID"
  | "PAGE_TOKEN_MISMATCH"
  | "PAGE_TOKEN_EXPIRED"
  | "ROWS_TOKEN_INVALID"
  | "ROWS_TOKEN_EXPIRED"
  | "TOO_MANY_VALUES"
  | "CHANGES_NOT_KEPT"
  | "RAW_EVENTS_GONE"
  | "TEAM_NOT_FOUND"
  | "DIMENSION_REQUIRED"
  | "CAMPAIGN_NOT_FOUND"
  | "EVENT_NOT_FOUND"
  | "EVENT_NOT_CORRECTABLE"
  | "CONVERSATION_NOT_FOUND"
  | "USER_NOT_FOUND"
  | "STREAM_HEADER_DUPLICATE"
  | "SEQUENCE_GAP"
  | "ACK_BACKLOG"
  | "STREAM_LIMIT"
  | "DRAINING"
  | "STREAM_AGE"
  | "STREAM_IDLE"
  | "RESUME_TOKEN_INVALID"
  | "FUTURE_REVISION"
  | "COMPACTED"
  | "INTERVAL_OUT_OF_RANGE"
  | "SUBSCRIPTION_LIMIT"
  | "SLOW_CONSUMER"
  | "RESTORED"
  | "STORAGE_UNAVAILABLE"
  | "DURABILITY_WEAK"
  | "OVERLOADED"
  | "STORAGE_BUSY"
  | "QUERY_CONCURRENCY"
  | "DEADLINE"
  | "INTERNAL"
  | "EVENT_QUOTA"
  | "EVENT_RATE"
  | "TOO_MANY_RAW_EVENTS"
  | "CUSTOM_METRIC_EXISTS"
  | "CUSTOM_METRIC_NOT_FOUND"
  | "CUSTOM_METRIC_LIMIT"
  | "INVALID_PATH"
  | "CUSTOM_METRIC_INCOMPLETE"
  | "FUNNEL_EXISTS"
  | "FUNNEL_NOT_FOUND"
  | "FUNNEL_LIMIT"
  | "LEAD_NOT_FOUND"
  | "USER_ERASED"
  | "ERASURE_NOT_FOUND"
  | "CONTENT_GAP_NOT_FOUND"
  | "CONTENT_GAP_MERGED"
  | "CONTENT_GAP_NOT_MERGED"
  | "ETAG_MISMATCH"
  | "KEY_REQUIRED"
  | "EMBED_NOT_ALLOWED"
  | "DASHBOARD_NOT_FOUND"
  | "DASHBOARD_LIMIT"
  | "DASHBOARD_OWNER"
  | "FORMAT_NOT_INSTALLED"
  | "REPORT_NOT_FOUND"
  | "REPORT_LIMIT"
  | "REPORT_OWNER"
  | "REPORT_RUN_NOT_FOUND"
  | "REPORT_FILE_NOT_FOUND"
  | "REPORT_SCHEDULE_NOT_FOUND"
  | "DESTINATION_NOT_FOUND"
  | "DESTINATION_LIMIT"
  | "CHANNEL_NOT_SET_UP"
  | "DELIVERY_NOT_FOUND"
  | "DELIVERY_UNDER_WAY"
  | "LINK_INVALID"
  | "TEST_RATE"
  | "ALERT_RULE_NOT_FOUND"
  | "ALERT_RULE_LIMIT"
  | "INCIDENT_NOT_FOUND"
  | "TIME_IN_FUTURE"
  | "FORECAST_NOT_INSTALLED"
  | "HISTORY_TOO_SHORT"
  | "METRIC_NOT_ADDITIVE"
  | "RESTRICTED"
  | "NETWORK_NOT_ALLOWED"
  | "NO_ROLE"
  | "IDENTITY_PROVIDER_UNAVAILABLE"
  | "OPERATOR_REQUIRED"
  | "NOT_FOR_OPERATORS"
  | "ORGANIZATION_NOT_FOUND"
  | "ORGANIZATION_EXISTS"
  | "ORGANIZATION_REVOKED"
  | "KEY_NOT_FOUND"
  | "KEY_EXISTS"
  | "KEY_LIMIT"
  | "LAST_ADMIN_KEY"
  | "ROLE_NOT_FOUND"
  | "ROLE_LIMIT"
  | "ROLE_IN_USE"
  | "MEMBER_NOT_FOUND"
  | "MEMBER_LIMIT"
  | "TASK_NOT_FOUND"
  | "TASK_STATE"
  | "SCHEDULE_NOT_FOUND"
  | "ORGANIZATION_DELETING"
  | "SESSION_NOT_FOUND"
  | "KEY_OUTLIVES_MAKER"
  | `UNKNOWN_${number}`;

/** ListEventsRequest asks for raw events. */
export interface ListEventsRequest {
  /** time_range is when the events occurred, exact to the microsecond. Required, unless there is a rows_token. */
  timeRange?: TimeRangeInit | undefined;
  /** filter says what the events carry. Unset: all events of the period. */
  filter?: EventFilterInit | undefined;
  /** direction is the order, by occurred_at: unset or descending, the newest first. */
  direction?: SortDirection | undefined;
  /**
   * page_size is the most events of a page. Unset: 100. More than 1,000 are taken as 1,000. A page looks at a bounded
   * number of events, and has at most some megabytes of them: it may be shorter than page_size, even empty, with a token
   * that goes on.
   */
  pageSize?: number | undefined;
  /**
   * page_token asks for the next page of the same list: next_page_token of the page before, with everything but
   * page_size as before (PAGE_TOKEN_MISMATCH). All pages of a list are of one revision: events that come in between are
   * on none of them, and none is skipped or repeated.
   */
  pageToken?: string | undefined;
  /**
   * rows_token asks for exactly the events that a figure was counted from, in place of time_range and filter
   * (INVALID_VALUE with either). See RowsToken.
   */
  rowsToken?: string | undefined;
}

/** EventFilter keeps the events that carry everything it names. */
export interface EventFilterInit {
  /** event_types keeps events of any of these types. At most 20. */
  eventTypes?: readonly string[] | undefined;
  /** agent_id keeps events that carry this agent. It and the ids below have at most 256 bytes. */
  agentId?: string | undefined;
  /** user_id keeps events that carry this user. An e-mail address finds the events of the user that stands for it. */
  userId?: string | undefined;
  /** conversation_id keeps events of this conversation. */
  conversationId?: string | undefined;
  /** channel keeps events that carry this channel. */
  channel?: string | undefined;
  /** team_id keeps events that carry this team. */
  teamId?: string | undefined;
  /** campaign_id keeps events that carry this campaign. */
  campaignId?: string | undefined;
  /**
   * dimensions keeps events that carry these values of other dimensions in ListMetrics: of "model", "endpoint" and so
   * on. At most ten. Unlike in figures, a value counts as the event carries it, however many values there are; "_other"
   * finds the events of all values that have no figures of their own.
   */
  dimensions?: readonly DimensionFilterInit[] | undefined;
  /** properties keeps events with these values in their properties. At most ten. */
  properties?: readonly PropertyFilterInit[] | undefined;
  /** received_since keeps events that were received at this instant or later: what came in late. */
  receivedSince?: InstantInit | undefined;
}

/** PropertyFilter keeps the events that have a value in their properties. */
export interface PropertyFilterInit {
  /**
   * path is where the value is, for example "properties.order.status": keys with dots between (INVALID_PATH). At most
   * 256 bytes.
   */
  path?: string | undefined;
  /** value is the value as text; numbers, true and false are as in JSON. At most 256 bytes. Required. */
  value?: string | undefined;
}

/** ListEventsResponse is a page of events. */
export interface ListEventsResponse {
  /** context says of which period and revision the events are. */
  context?: AnswerContext;
  /** rows are the events in order, and among those that occurred at the same time in the order of their keys. */
  rows: EventRow[];
  /** next_page_token asks for the next page. Empty: this is the last one. */
  nextPageToken: string;
  /** figure says how the events add up to the figure that rows_token is of. Unset without one. */
  figure?: FigureRows;
}

/** EventRow is an event as it is stored. */
export interface EventRow {
  /**
   * event is the event. Its detail is unset if its type is not one that the service knows. user.ip and user.user_agent
   * are set where the organization keeps them.
   */
  event?: Event;
  /** received_at is when the service received it. */
  receivedAt?: Instant;
  /** revision is the organization's revision that holds it. */
  revision: number;
  /** amount is what it adds to the figure that rows_token is of. Unset without one. */
  amount?: number;
}

/**
 * CorrectionStatus is what became of a correction or retraction.
 *
 * - `CORRECTED`: The event is what was sent, and counts as that.
 * - `RETRACTED`: The event is gone, and counts no more.
 * - `UNCHANGED`: The event already was what was sent.
 * - `REJECTED`: The event stays as it is.
 */
export type CorrectionStatus =
  | "CORRECTED"
  | "RETRACTED"
  | "UNCHANGED"
  | "REJECTED"
  | `UNKNOWN_${number}`;

/**
 * EventStatus is what became of an event.
 *
 * - `ACCEPTED`: Stored and counted now.
 * - `DUPLICATE`: Was stored and counted before, with the same content. A success: do not send the event again.
 * - `REJECTED`: Not stored. Sending the event again unchanged gives the same result.
 */
export type EventStatus =
  | "ACCEPTED"
  | "DUPLICATE"
  | "REJECTED"
  | `UNKNOWN_${number}`;

/**
 * EventWarning says what the server changed in an event, or counts in another way than the sender might expect.
 *
 * - `TIME_DEFAULTED`: occurred_at was unset: the time of receipt is used.
 * - `REDACTED`: A property that looked like a secret was replaced.
 * - `CLOCK_CORRECTED`: occurred_at was moved, because the sender's clock is off and the request asked for it (correct_clock).
 * - `CARDINALITY_OVERFLOW`: A value of the event, such as its agent or model, was first seen after the organization had reached its limit of them. All totals count the event, and figures by that value count it under "_other". The event itself keeps its values.
 * - `CLOCK_SKEW`: sent_at is more than 5 minutes off the server's clock; clock_skew of the response says by how much. occurred_at was kept.
 * - `PLACEHOLDER_ID`: An id or name of the event, other than event_id, is a placeholder ("undefined", "null", blanks): it is kept and counted as unset.
 * - `PRECISION`: properties hold a whole number from 2^53 on. There a Struct cannot tell a number from its neighbour, so it may have been rounded on its way. Send such numbers as text.
 */
export type EventWarning =
  | "TIME_DEFAULTED"
  | "REDACTED"
  | "CLOCK_CORRECTED"
  | "CARDINALITY_OVERFLOW"
  | "CLOCK_SKEW"
  | "PLACEHOLDER_ID"
  | "PRECISION"
  | `UNKNOWN_${number}`;

/** CorrectEventsRequest carries events as they should be. */
export interface CorrectEventsRequest {
  /**
   * events are at most 100 (TOO_MANY_EVENTS), each under another event_id (INVALID_VALUE). An event without occurred_at
   * keeps the time that it has. Whatever else an event does not carry it has no more.
   */
  events?: readonly EventInit[] | undefined;
  /** reason says why, for whoever reads the history. Required. At most 500 bytes. */
  reason?: string | undefined;
}

/** CorrectEventsResponse says what became of the corrections. */
export interface CorrectEventsResponse {
  /** results are as many as the events, in their order. */
  results: CorrectionResult[];
  /** revision is the organization's revision that holds the corrections. 0 if nothing changed. */
  revision: number;
}

/** RetractEventsRequest names events that should not be there. */
export interface RetractEventsRequest {
  /** event_ids are at most 100 (TOO_MANY_EVENTS), each another one (INVALID_VALUE). */
  eventIds?: readonly string[] | undefined;
  /** reason is as in CorrectEventsRequest. */
  reason?: string | undefined;
}

/** RetractEventsResponse says what became of the retractions. */
export interface RetractEventsResponse {
  /** results are as many as the ids, in their order. */
  results: CorrectionResult[];
  /** revision is as in CorrectEventsResponse. */
  revision: number;
}

/** CorrectionResult says what became of one correction or retraction. */
export interface CorrectionResult {
  /** event_id is the event's id. */
  eventId: string;
  /** status is what became of it. */
  status?: CorrectionStatus;
  /** rejection is set when status is REJECTED. */
  rejection?: Rejection;
}

/** GetEventRequest names an event. */
export interface GetEventRequest {
  /** event_id is its id. Required. */
  eventId?: string | undefined;
}

/** GetEventResponse is an event with its history. */
export interface GetEventResponse {
  /** event is as it counts now. Unset: it was retracted. */
  event?: StoredEvent;
  /** earlier is what it was before, newest first. */
  earlier: ReplacedEvent[];
}

/** StoredEvent is an event as it is stored. */
export interface StoredEvent {
  /** event is the event. */
  event?: Event;
  /** received_at is when it was stored. */
  receivedAt?: Instant;
  /** revision is the organization's revision that holds it. */
  revision: number;
}

/** ReplacedEvent is what an event was before it was corrected or retracted. */
export interface ReplacedEvent {
  /** stored is the event as it was. */
  stored?: StoredEvent;
  /** replaced_at is when it was replaced. */
  replacedAt?: Instant;
  /** replaced_revision is the organization's revision that replaced it. */
  replacedRevision: number;
  /** retracted is true if nothing took its place. */
  retracted: boolean;
  /** reason is why, in the words of the request. */
  reason: string;
  /** key_id is the API key of the request; of an identity token "oidc:" and a digest of its issuer and subject. */
  keyId: string;
}

/** TrackEventRequest carries one event. */
export interface TrackEventRequest {
  /** event is what happened. Required. */
  event?: EventInit | undefined;
  /**
   * sent_at is what the sender's clock showed when it sent this; set it anew for every attempt. If it is more than 5
   * minutes off the server's clock, every event with a time of its own gets the warning CLOCK_SKEW, and clock_skew of
   * the response says by how much. The server does not move times for that: the difference may as well be time on the
   * way. An event may not have occurred more than 5 minutes after sent_at (INVALID_TIMESTAMP). Unset: the server trusts
   * the sender's clock.
   */
  sentAt?: InstantInit | undefined;
  /**
   * correct_clock asks the server to move occurred_at by the difference between sent_at and its own clock, if that is
   * more than 5 minutes; events get the warning CLOCK_CORRECTED. Use it for devices whose clocks are known to be wrong,
   * and never for events that are old or whose times were recorded elsewhere. Needs sent_at (REQUIRED_FIELD).
   */
  correctClock?: boolean | undefined;
}

/** TrackEventResponse says what became of the event: ACCEPTED or DUPLICATE, both of them success. */
export interface TrackEventResponse {
  /** result is what became of the event. */
  result?: EventResult;
  /** revision is the organization's revision that holds the event. 0 for a duplicate. */
  revision: number;
  /**
   * clock_skew is how far sent_at was ahead of the server's clock when the request arrived; negative: behind. Set only
   * if it is more than 5 minutes.
   */
  clockSkew?: Milliseconds;
}

/** TrackEventsRequest carries a batch. */
export interface TrackEventsRequest {
  /** events are at most 1,000 (TOO_MANY_EVENTS). None at all is fine. */
  events?: readonly EventInit[] | undefined;
  /** sent_at is as in TrackEventRequest. */
  sentAt?: InstantInit | undefined;
  /** correct_clock is as in TrackEventRequest. */
  correctClock?: boolean | undefined;
}

/** TrackEventsResponse has one result per event, in the order of the request. */
export interface TrackEventsResponse {
  /** results are as many as the events, in their order. */
  results: EventResult[];
  /** revision is the highest revision of the organization that holds an event accepted by this call. 0 if none was. */
  revision: number;
  /** clock_skew is as in TrackEventResponse. */
  clockSkew?: Milliseconds;
}

/** StreamEventsRequest is a batch, or a header, which may come once and first. */
export interface StreamEventsRequest {
  /** message is one of the two. An empty message is refused (REQUIRED_FIELD). */
  message?:
    /** header names the sender. Optional; a second one ends the stream (STREAM_HEADER_DUPLICATE). */
    | { case: "header"; value: StreamHeaderInit }
    /** batch carries events. */
    | { case: "batch"; value: StreamBatchInit }
    | undefined;
}

/** StreamHeader names the sender of a stream, for the operator's logs. */
export interface StreamHeaderInit {
  /** producer_id is the sender's name. At most 256 bytes. */
  producerId?: string | undefined;
}

/** StreamBatch is a batch of events on a stream. */
export interface StreamBatchInit {
  /**
   * sequence numbers the batches of one stream: the first is any number from 1 on, each further one is one more
   * (SEQUENCE_GAP; a negative number is VALUE_OUT_OF_RANGE). A number that was sent before is taken as a repetition. It
   * serves acknowledgements only: event_id decides what is counted once.
   */
  sequence?: number | bigint | undefined;
  /** events are at most 1,000 (TOO_MANY_EVENTS). */
  events?: readonly EventInit[] | undefined;
  /** sent_at is as in TrackEventRequest. */
  sentAt?: InstantInit | undefined;
  /** correct_clock is as in TrackEventRequest. */
  correctClock?: boolean | undefined;
}

/** StreamEventsResponse acknowledges batches. Acknowledgements come in the order of the batches. */
export interface StreamEventsResponse {
  /** acks are one per batch. */
  acks: StreamAck[];
}

/**
 * StreamAck acknowledges one batch: its accepted events are durable and counted. The revisions of one stream's
 * acknowledgements need not ascend.
 */
export interface StreamAck {
  /** sequence is that of the batch. */
  sequence: number;
  /** results are as many as the events of the batch, in their order. */
  results: EventResult[];
  /** revision is as in TrackEventsResponse. */
  revision: number;
  /** clock_skew is as in TrackEventResponse. */
  clockSkew?: Milliseconds;
}

/** EventResult says what became of one event. */
export interface EventResult {
  /** event_id is the event's id: the client's, or the one that the server made. */
  eventId: string;
  /** status is what became of it. */
  status?: EventStatus;
  /** rejection is set when status is REJECTED. */
  rejection?: Rejection;
  /**
   * warnings say what the server changed in the event, or counts in another way than the sender might expect. The
   * sender need not do anything.
   */
  warnings: EventWarning[];
}

/** Rejection says why an event was not stored. */
export interface Rejection {
  /** field is the path of the field at fault within the event, for example "message.prompt_tokens". */
  field: string;
  /** reason is the cause, for programs. */
  reason?: ErrorReason;
  /** message is for people. At most 200 characters. */
  message: string;
  /** code is the google.rpc.Code with which TrackEvent fails for this reason. */
  code: number;
}

/**
 * ExportFormat is the format of a file.
 *
 * - `CSV`: RFC 4180, UTF-8: a header with titles and units, money in its currency with every digit, instants in ISO 8601 with their offset, absent figures as empty cells. A text that a spreadsheet would run as a formula begins with an apostrophe.
 * - `JSON_LINES`: A JSON object a line, with the names and units of the contract. What is absent is null.
 * - `JSON`: One JSON document with all tables, what they are about, and their columns. Values are as in JSON lines.
 * - `XLSX`: A workbook with all tables, a sheet each: real numbers, dates, and percent. A sheet holds 1,048,576 rows, and others go on in the next one. A text of more than 32,767 characters is cut and marked (ExportTrailer.cut_cells).
 * - `PARQUET`: Parquet with typed columns; money is decimal. A server without the library refuses it (FORMAT_NOT_INSTALLED).
 * - `ARROW`: An Arrow stream with the columns of Parquet. A server without the library refuses it (FORMAT_NOT_INSTALLED).
 */
export type ExportFormat =
  | "CSV"
  | "JSON_LINES"
  | "JSON"
  | "XLSX"
  | "PARQUET"
  | "ARROW"
  | `UNKNOWN_${number}`;

/**
 * ExportColumnKind is what the values of a column are.
 *
 * - `TEXT`: Text.
 * - `INTEGER`: A whole number.
 * - `DECIMAL`: A number.
 * - `FRACTION`: A share: 1 is all.
 * - `DURATION_MS`: A time in milliseconds.
 * - `MONEY_MICROS`: Money: in millionths in JSON, and in its currency in the other formats.
 * - `BYTES`: Bytes.
 * - `INSTANT`: An instant, shown in the context's time zone.
 * - `DATE`: A calendar day.
 * - `BOOLEAN`: True or false.
 */
export type ExportColumnKind =
  | "TEXT"
  | "INTEGER"
  | "DECIMAL"
  | "FRACTION"
  | "DURATION_MS"
  | "MONEY_MICROS"
  | "BYTES"
  | "INSTANT"
  | "DATE"
  | "BOOLEAN"
  | `UNKNOWN_${number}`;

/** ExportMetricsRequest asks for a file of figures. */
export interface ExportMetricsRequest {
  /** format is the format of the file. */
  format?: ExportFormat | undefined;
  /**
   * table is the name of the only table to export, as ExportHeader names them: "by_channel". Unset: all tables where the
   * format holds several, and else the main one. The header names those that are not in the file.
   */
  table?: string | undefined;
  /** question is the request of an RPC, without page_token (INVALID_VALUE). Required. */
  question?:
    /** overview asks for key figures. */
    | { case: "overview"; value: GetOverviewRequest }
    /** agent_metrics asks for the figures of an agent or a team. */
    | { case: "agentMetrics"; value: GetAgentMetricsRequest }
    /** usage_trends asks for series. */
    | { case: "usageTrends"; value: GetUsageTrendsRequest }
    /**
     * query asks for a table by a dimension. Its table "rows" has all of them. The other tables of it are refused where
     * there are more than 100,000 rows (TOO_MANY_VALUES).
     */
    | { case: "query"; value: QueryMetricsRequest }
    /** daily_stats asks for a row for each day. */
    | { case: "dailyStats"; value: GetDailyStatsRequest }
    /** conversation_metrics asks how conversations went. */
    | { case: "conversationMetrics"; value: GetConversationMetricsRequest }
    /** costs asks for costs and tokens. */
    | { case: "costs"; value: GetCostsRequest }
    /** roi asks for the return of AI agents. */
    | { case: "roi"; value: GetRoiRequest }
    /** quota asks for the monthly quota of events. */
    | { case: "quota"; value: GetQuotaRequest }
    /** api_usage asks how APIs and tools are used. */
    | { case: "apiUsage"; value: GetApiUsageRequest }
    /** call_metrics asks how telephone calls went. */
    | { case: "callMetrics"; value: GetCallMetricsRequest }
    /** quality asks for scores. */
    | { case: "quality"; value: GetQualityRequest }
    /** leaderboard asks for a leaderboard. */
    | { case: "leaderboard"; value: GetLeaderboardRequest }
    /** funnel asks for the figures of a funnel. */
    | { case: "funnel"; value: QueryFunnelRequest }
    /** campaigns asks for campaigns. */
    | { case: "campaigns"; value: ListCampaignsRequest }
    /** campaign asks for one campaign. */
    | { case: "campaign"; value: GetCampaignRequest }
    /** user_retention asks how many users come back. */
    | { case: "userRetention"; value: GetUserRetentionRequest }
    | undefined;
}

/** ExportMetricsResponse is a message of an export. */
export interface ExportMetricsResponse {
  /** message is what it says. */
  message?:
    /** header is the first message. */
    | { case: "header"; value: ExportHeader }
    /** chunk is a part of the file. */
    | { case: "chunk"; value: ExportChunk }
    /** trailer is the last message. */
    | { case: "trailer"; value: ExportTrailer };
}

/** ExportRowsRequest asks for a file of rows. */
export interface ExportRowsRequest {
  /** format is the format of the file. */
  format?: ExportFormat | undefined;
  /**
   * resume_token goes on with an export that has ended early: that of the last chunk that was kept. All else must be as it
   * was then (RESUME_TOKEN_INVALID). Files of CSV, JSON lines and Arrow can be resumed, if their rows are events or entries
   * of the audit trail.
   */
  resumeToken?: string | undefined;
  /** rows is the request of an RPC, without page_token (INVALID_VALUE); its page_size does not matter. Required. */
  rows?:
    /** events lists raw events. */
    | { case: "events"; value: ListEventsRequest }
    /** conversations lists conversations. */
    | { case: "conversations"; value: ListConversationsRequest }
    /** users lists users. */
    | { case: "users"; value: ListUsersRequest }
    /** leads lists leads. */
    | { case: "leads"; value: ListLeadsRequest }
    /** content_gaps lists questions that the knowledge did not answer. */
    | { case: "contentGaps"; value: ListContentGapsRequest }
    /** audit_entries lists the audit trail. It needs the scope admin. */
    | { case: "auditEntries"; value: ListAuditEntriesRequest }
    /** agents lists agents. It needs the scope read. */
    | { case: "agents"; value: ListAgentsRequest }
    | undefined;
}

/** ExportRowsResponse is a message of an export. */
export interface ExportRowsResponse {
  /** message is what it says. */
  message?:
    /** header is the first message. */
    | { case: "header"; value: ExportHeader }
    /** chunk is a part of the file. */
    | { case: "chunk"; value: ExportChunk }
    /** trailer is the last message. */
    | { case: "trailer"; value: ExportTrailer };
}

/** ExportHeader says what the file holds. */
export interface ExportHeader {
  /**
   * context says what was counted. Its revision is that of all rows. Without one, as of the audit trail, it has the time
   * zone alone.
   */
  context?: AnswerContext;
  /** tables are those in the file, in their order. */
  tables: ExportTable[];
  /** other_tables are the names of those of the answer that are not in the file. */
  otherTables: string[];
  /** file_name is a name for the file: what, which days, which zone, which revision. */
  fileName: string;
  /** media_type is the type of the file, as "text/csv; charset=utf-8". */
  mediaType: string;
  /** offset is how many bytes of the file came before this stream: 0 unless it was resumed. */
  offset: number;
  /** resumable is true if chunks have tokens. */
  resumable: boolean;
}

/** ExportTable is a table of a file. */
export interface ExportTable {
  /** name is for programs. */
  name: string;
  /** title is for people. */
  title: string;
  /** columns are in the order of the file. */
  columns: ExportColumn[];
  /** estimated_rows is about how many rows there will be. Unset: nobody knows yet. */
  estimatedRows?: number;
  /** notes say what a reader must know of what is not in the table. */
  notes: string[];
}

/** ExportColumn is a column of a table. */
export interface ExportColumn {
  /** name is that of the contract: "cost_micros". */
  name: string;
  /** title is for people: "Cost". */
  title: string;
  /** kind is what its values are. */
  kind?: ExportColumnKind;
  /** unit is that of the values, as in ListMetrics. Empty: there is none to tell. */
  unit: string;
  /** currency is the code of the money's currency. Empty: it is no money, or each row names its own. */
  currency: string;
}

/** ExportChunk is a part of the file. */
export interface ExportChunk {
  /** data are the next bytes. Empty: the export is at work, and rows says how far. */
  data: Uint8Array;
  /** rows is how many rows have been written up to here, from the beginning of the file on. */
  rows: number;
  /** resume_token goes on after this chunk. Empty: it is no place to go on from. */
  resumeToken: string;
}

/** ExportTrailer says that the file has ended, and what it should be. */
export interface ExportTrailer {
  /** rows is how many rows the file has, in all tables. */
  rows: number;
  /** bytes is how many bytes the file has, those before a resumption included. */
  bytes: number;
  /**
   * sha256 is the SHA-256 of the bytes of this stream, in hexadecimal digits: of the whole file unless it was resumed.
   */
  sha256: string;
  /** complete is true if the file has every row that was asked for. */
  complete: boolean;
  /** incomplete_reason says what is missing where complete is false. */
  incompleteReason: string;
  /** cut_cells is how many texts were longer than a cell of the format may be. Each is marked. */
  cutCells: number;
}

/**
 * ForecastModel is what makes forecasts.
 *
 * - `SEASONAL_NAIVE`: The last value of the same hour or weekday.
 * - `DRIFT`: The last value, and for each step what steps had on average.
 * - `PROFILE`: The level of late times what each hour or weekday has of it.
 * - `THETA`: The Theta method: smoothing with half of the slope of the whole, without the season, which is added again.
 * - `DAMPED_ETS`: Exponential smoothing with a season and a trend that fades.
 * - `COMBINATION`: The mean of the best of them.
 */
export type ForecastModel =
  | "SEASONAL_NAIVE"
  | "DRIFT"
  | "PROFILE"
  | "THETA"
  | "DAMPED_ETS"
  | "COMBINATION"
  | `UNKNOWN_${number}`;

/**
 * LimitOutcome is whether a limit is reached.
 *
 * - `REACHED`: The month's value until now has reached it.
 * - `EXPECTED`: It is expected to be reached.
 * - `POSSIBLE`: It is not expected to be reached, but within the interval of 80 %.
 * - `NOT_EXPECTED`: It is not reached within the interval of 80 %.
 */
export type LimitOutcome =
  | "REACHED"
  | "EXPECTED"
  | "POSSIBLE"
  | "NOT_EXPECTED"
  | `UNKNOWN_${number}`;

/** GetForecastRequest asks for a forecast of one metric. */
export interface GetForecastRequest {
  /**
   * metric is the name of a metric that has a series, as in ListMetrics, of the organization's own ones too. Required.
   */
  metric?: string | undefined;
  /** filter keeps a part of the organization, as in GetUsageTrends. Unset: all of it. */
  filter?: FilterInit | undefined;
  /**
   * granularity is the width of points: GRANULARITY_HOUR, GRANULARITY_DAY, GRANULARITY_WEEK or GRANULARITY_MONTH. Unset:
   * days.
   */
  granularity?: Granularity | undefined;
  /**
   * horizon is how many points are forecast: up to 336 hours, 180 days, 52 weeks or 12 months. Unset: 24 hours, 14 days, 4
   * weeks or 3 months.
   */
  horizon?: number | undefined;
  /**
   * time_range is the history. The forecast begins where its last whole point ends: an earlier end shows what would have
   * been forecast then. With neither start nor end: as much as helps, up to now (56 days of hours, 730 days, and 1,820
   * days of weeks and months). Its time_zone and week_start are those of the points.
   */
  timeRange?: TimeRangeInit | undefined;
  /**
   * holidays are days that are not like others, at most 100 with at most 1,000 dates. What each does to values is learned
   * from its earlier dates; the first one of a name is taken as an ordinary day. Goes with hours and days.
   */
  holidays?: readonly HolidayInit[] | undefined;
  /**
   * limit asks when a value is reached: by the value of the running calendar month where the metric adds up, as a quota
   * does, or else by a point. More than 0. Unset: no limit.
   */
  limit?: number | undefined;
}

/** Holiday is a kind of day that is not like others. */
export interface HolidayInit {
  /** name is what it is called, as in "Christmas". Required, each once, at most 256 bytes. */
  name?: string | undefined;
  /** dates are its days in the zone of the points, past ones and those to come, as in "2026-12-25". At least one. */
  dates?: readonly string[] | undefined;
}

/** GetForecastResponse is a forecast with its error. */
export interface GetForecastResponse {
  /** context says what the history is. Its bounds are those of time_range, or what was chosen. */
  context?: AnswerContext;
  /** metric is that of the question. */
  metric: string;
  /** unit is that of all values of the answer, as in ListMetrics. */
  unit: string;
  /** title is the metric's, in English. */
  title: string;
  /** granularity is the width of points. */
  granularity?: Granularity;
  /** points are what is expected, from the point that is running at the end of the history on. */
  points: ForecastPoint[];
  /** model is what made the forecast: the one that was best from many instants of the past. */
  model?: ForecastModel;
  /** members are the models whose mean it is, for FORECAST_MODEL_COMBINATION. */
  members: ForecastModel[];
  /** error says how wrong forecasts of the past were. */
  error?: ForecastError;
  /** history says what it was learned from. */
  history?: ForecastHistory;
  /**
   * projections are what the calendar month, and with days the calendar quarter, in which the history ends will come to.
   * Only for hours and days, for metrics that add up, for periods whose beginning the history holds, and as far ahead as
   * the history is long enough for.
   */
  projections: PeriodProjection[];
  /**
   * limit says when the limit is reached. Unset: the question has none, or nothing can be said: the metric adds up and has
   * no projection of the month.
   */
  limit?: LimitForecast;
  /** holidays say what each kind of day did, in the order of the question. */
  holidays: HolidayEffect[];
}

/**
 * ExpectedValue is a value with the intervals that hold it in 80 and in 95 of 100 cases. What is never negative and what
 * is a fraction stays within its bounds.
 */
export interface ExpectedValue {
  /** point is the value that is expected. */
  point: number;
  /** low_80 is the lower end of the interval of 80 %. */
  low80: number;
  /** high_80 is its upper end. */
  high80: number;
  /** low_95 is the lower end of the interval of 95 %. */
  low95: number;
  /** high_95 is its upper end. */
  high95: number;
}

/** ForecastPoint is what is expected of one hour, day, week or month. */
export interface ForecastPoint {
  /** bucket is the point's time. Days have 23 to 25 hours where clocks change. */
  bucket?: Bucket;
  /** expected is its value. */
  expected?: ExpectedValue;
  /** so_far is its value until now, for the point that is running. Unset: it has not begun, or has no value yet. */
  soFar?: number;
  /** holiday is the name of the holiday that it is. Empty: none. */
  holiday: string;
}

/**
 * ForecastError is how wrong forecasts were that the same procedure, with its choice between models, made at instants of
 * the past from what was known then.
 */
export interface ForecastError {
  /**
   * mase is the mean absolute error over that of the seasonal naive within the history: below 1 is better. Unset: the
   * history repeats itself exactly.
   */
  mase?: number;
  /** naive_mase is the same of the seasonal naive's own forecasts. Unset as mase. */
  naiveMase?: number;
  /** coverage_80 is the fraction of values that intervals of 80 % held, made then. Unset: none could be judged. */
  coverage80?: number;
  /** coverage_95 is the same of those of 95 %. */
  coverage95?: number;
  /** origins is from how many instants of the past was forecast. */
  origins: number;
}

/** ForecastHistory is what a forecast was learned from. */
export interface ForecastHistory {
  /** start is where the first point that was used begins. */
  start?: Instant;
  /** end is where the last whole point ends, and the first of the forecast begins. */
  end?: Instant;
  /** points is how many values there were. Gaps and holidays are not counted. */
  points: number;
}

/** PeriodProjection is what a calendar month or quarter will come to. */
export interface PeriodProjection {
  /** granularity says what it is: GRANULARITY_MONTH or GRANULARITY_QUARTER. */
  granularity?: Granularity;
  /** bucket is its time. */
  bucket?: Bucket;
  /** so_far is its value until now, the running point included. */
  soFar: number;
  /** at_end is what it is expected to be when it is over. */
  atEnd?: ExpectedValue;
}

/** LimitForecast says when a limit is reached. */
export interface LimitForecast {
  /** limit is that of the question. */
  limit: number;
  /** outcome says whether it will be. */
  outcome?: LimitOutcome;
  /** expected is the point in which it is reached, by what is expected. Unset: not until looked_until. */
  expected?: Bucket;
  /** earliest is the point in which it is reached by the upper end of the interval of 80 %. Unset as expected. */
  earliest?: Bucket;
  /** latest is the point in which it is reached by the lower end of the interval of 80 %. Unset as expected. */
  latest?: Bucket;
  /**
   * looked_until is where the last point that was looked at ends: the end of the month, where the metric adds up, or the
   * horizon.
   */
  lookedUntil?: Instant;
}

/** HolidayEffect is what a kind of day does. */
export interface HolidayEffect {
  /** name is that of the question. */
  name: string;
  /** occurrences is how many points of the history were such days, and were compared with what they would have been. */
  occurrences: number;
  /**
   * factor is how many times the ordinary value such a point has: 0.3 is 70 % less. Unset: none was seen, and such days
   * are taken as ordinary ones.
   */
  factor?: number;
}

/** GetChurnRequest asks how many users come back. */
export interface GetChurnRequest {
  /**
   * time_range is the history. What users did is kept by day of UTC, so its days are those of UTC that it touches. The
   * running day is no part of it. Unset: two years up to today.
   */
  timeRange?: TimeRangeInit | undefined;
  /** horizon_days is how many days ahead: 1 to 90. Unset: 28. */
  horizonDays?: number | undefined;
}

/**
 * GetChurnResponse says how many users are expected to come back, and how right that was before. Users that were erased
 * are in none of its numbers.
 */
export interface GetChurnResponse {
  /** context says what the answer holds. Its bounds are those of the history. */
  context?: AnswerContext;
  /** horizon_days is how many days ahead. */
  horizonDays: number;
  /** users is how many did something in the history. */
  users: number;
  /** expected_returning is how many of them are expected to do something within the days ahead. */
  expectedReturning: number;
  /** expected_active is how many of them are expected not to have left for good. */
  expectedActive: number;
  /** reliability tells how right it was. */
  reliability?: ChurnReliability;
  /** model has the parameters that were fitted. */
  model?: ChurnModel;
}

/** ChurnReliability holds what was expected at an instant of the past against what came. */
export interface ChurnReliability {
  /**
   * held_out is the time that was forecast from what was known before it: as many days as are asked for, the last ones of
   * the history.
   */
  heldOut?: Bucket;
  /**
   * tenths are the users known before it, in the order of how probable it was that they would come back: ten groups, or
   * fewer where many users are alike.
   */
  tenths: ReliabilityTenth[];
  /**
   * error is by how much the expected and the observed fraction of a group differ, the mean over users: 0.02 is 2 of 100
   * users.
   */
  error: number;
  /** expected_returning is how many were expected to come back. */
  expectedReturning: number;
  /** returned is how many did. */
  returned: number;
}

/** ReliabilityTenth is a group of users for whom coming back was about as probable. */
export interface ReliabilityTenth {
  /** users is how many they are. */
  users: number;
  /** expected is the fraction of them that was expected to come back. */
  expected: number;
  /** returned is how many came back. */
  returned: number;
}

/**
 * ChurnModel is BG/NBD (Fader, Hardie and Lee, 2005): days with something come at a rate of the user's own, and after each
 * of them the user leaves for good with a probability of the user's own. Its unit of time is the day.
 */
export interface ChurnModel {
  /** r is the shape of the gamma distribution of rates. */
  r: number;
  /** alpha is its rate. */
  alpha: number;
  /** a is the first parameter of the beta distribution of leaving. */
  a: number;
  /** b is its second parameter. */
  b: number;
}

/** ListUsersAtRiskRequest asks for users who may have left. */
export interface ListUsersAtRiskRequest {
  /** time_range is the history, as in GetChurnRequest. */
  timeRange?: TimeRangeInit | undefined;
  /** horizon_days is how many days ahead: 1 to 90. Unset: 28. */
  horizonDays?: number | undefined;
  /** min_active_days keeps users who did something on as many days at least: 2 to 1,000. Unset: 3. */
  minActiveDays?: number | undefined;
  /**
   * max_probability_active keeps users who are active still with at most this probability, above 0 and up to 1. Unset: 0.5.
   */
  maxProbabilityActive?: number | undefined;
  /** page_size is the most users to return: 1 to 1,000, more are taken as 1,000. Unset: 100. */
  pageSize?: number | undefined;
  /**
   * page_token is next_page_token of the page before, to get the next one. Everything else but page_size must be as it was
   * then (PAGE_TOKEN_MISMATCH).
   */
  pageToken?: string | undefined;
}

/** ListUsersAtRiskResponse holds a page of users. Users that were erased are on none. */
export interface ListUsersAtRiskResponse {
  /** context says what the answer holds. Its bounds are those of the history. */
  context?: AnswerContext;
  /** users are those of the page: those who did something on most days first, of these the ones seen last. */
  users: UserAtRisk[];
  /**
   * next_page_token asks for the next page. Empty: there is none. A user who comes back between two pages is on no later one.
   */
  nextPageToken: string;
  /** reliability_error is the error of the probabilities, as in ChurnReliability. */
  reliabilityError: number;
}

/** UserAtRisk is a user who came regularly and may have left. */
export interface UserAtRisk {
  /** user_id is the user, as on its events. */
  userId: string;
  /** first_seen_on is the first day of UTC in the history on which it did something, as in "2026-01-31". */
  firstSeenOn: string;
  /** last_seen_on is the last such day. */
  lastSeenOn: string;
  /** active_days is on how many days it did something. */
  activeDays: number;
  /** usual_gap_days is the mean time between two of these days. */
  usualGapDays: number;
  /** silent_days is how many days ago the last one was, at the end of the history. */
  silentDays: number;
  /** probability_active is how probable it is that the user has not left for good. */
  probabilityActive: number;
  /** probability_returning is how probable it is that the user does something within the days ahead. */
  probabilityReturning: number;
  /** reason says why it is listed, in English, as in "seen every 2.1 days until 9 days ago". */
  reason: string;
}

/**
 * ErasureState says whether an erasure is done.
 *
 * - `RUNNING`: Workers are at it, or will be. Nothing comes in any more under the id.
 * - `DONE`: The person is erased.
 */
export type ErasureState =
  | "RUNNING"
  | "DONE"
  | `UNKNOWN_${number}`;

/** EraseUserRequest names a person. */
export interface EraseUserRequest {
  /** user_id is the id as it is sent in events; an e-mail address finds what is kept under its pseudonym. Required. */
  userId?: string | undefined;
  /**
   * request_id is the caller's own name for the request, such as the number of a ticket; the receipt has it. At most 128
   * visible ASCII characters. It must not hold the user_id, since it stays (INVALID_VALUE). Calls for the same person
   * return the erasure that the first of them has begun, whatever their request_id.
   */
  requestId?: string | undefined;
}

/** EraseUserResponse holds the erasure. */
export interface EraseUserResponse {
  /** erasure is how far it is. */
  erasure?: Erasure;
}

/** GetErasureRequest names an erasure. */
export interface GetErasureRequest {
  /** erasure_id is the one that EraseUser has returned. Required. */
  erasureId?: string | undefined;
}

/** GetErasureResponse holds the erasure. */
export interface GetErasureResponse {
  /** erasure is how far it is. */
  erasure?: Erasure;
}

/** Erasure is an erasure of a person. */
export interface Erasure {
  /** erasure_id names the erasure within the organization. */
  erasureId: string;
  /** state says whether it is done. */
  state?: ErasureState;
  /** progress is the share of the work that is done, from 0 to 1. */
  progress: number;
  /** receipt says what was erased. Unset until the erasure is done. */
  receipt?: ErasureReceipt;
  /** requested_at is when EraseUser was called for the first time. */
  requestedAt?: Instant;
  /** request_id is that of the first call. */
  requestId: string;
}

/** ErasureReceipt says what was erased. It does not hold the id of the person. */
export interface ErasureReceipt {
  /**
   * user_digest is a digest of the user_id that only this deployment can make: 64 hexadecimal digits. Whoever knows the
   * id can have it made again by EraseUser, which returns the same erasure.
   */
  userDigest: string;
  /** rows are how many rows of which tables were changed or removed, by table. */
  rows: ErasedRows[];
  /** erased_at is when the erasure was done. */
  erasedAt?: Instant;
  /**
   * revision is the organization's revision with which it was done: answers as of this revision or a later one do not
   * hold the person any more.
   */
  revision: number;
  /**
   * exports_to_delete tell when all that was kept about the person was handed out, and to which API key, as far back as
   * the audit trail is kept: "2026-03-01T12:00:00Z by the API key k1". The service keeps no copies; whoever has files of
   * these exports has to delete them.
   */
  exportsToDelete: string[];
  /**
   * signature proves that this deployment made the receipt: 64 hexadecimal digits, an HMAC-SHA256 over all of the above,
   * erasure_id, request_id and requested_at. GetErasure makes it anew each time.
   */
  signature: string;
}

/** ErasedRows are rows of a table. */
export interface ErasedRows {
  /** table is the name of a table, such as "events". */
  table: string;
  /** rows is how many of its rows were changed or removed. */
  rows: number;
}

/** ExportUserRequest names a person. */
export interface ExportUserRequest {
  /** user_id is the id as it is sent in events; an e-mail address finds what is kept under its pseudonym. Required. */
  userId?: string | undefined;
}

/** ExportUserResponse holds some lines. */
export interface ExportUserResponse {
  /**
   * lines are objects of JSON without line breaks. The field "kind" says what a line is about: "profile", "day",
   * "activity" (an event), "replaced_activity" (what an event was before it was corrected or retracted),
   * "conversation", "lead", "content_gap" or, as the last line of all, "counts".
   */
  lines: string[];
}

/**
 * ReportVisibility says who sees a report.
 *
 * - `PERSONAL`: Its owner alone.
 * - `ORGANIZATION`: Everybody in the organization. It is created, changed and deleted with the scope edit.
 * - `PEOPLE`: Its owner, and the people that it names.
 */
export type ReportVisibility =
  | "PERSONAL"
  | "ORGANIZATION"
  | "PEOPLE"
  | `UNKNOWN_${number}`;

/**
 * ReportFormat is a kind of file.
 *
 * - `PDF`: PDF/A-2b, with charts as vectors.
 * - `HTML`: One HTML file without images, scripts and other files, which mail programs show.
 * - `XLSX`: A workbook with a sheet and a chart for each block.
 * - `CSV`: A ZIP archive with a CSV file for each block (RFC 4180).
 * - `JSON`: One JSON object with all figures at full precision.
 */
export type ReportFormat =
  | "PDF"
  | "HTML"
  | "XLSX"
  | "CSV"
  | "JSON"
  | `UNKNOWN_${number}`;

/**
 * ReportRunState is what has become of a run.
 *
 * - `PENDING`: No worker has begun it.
 * - `RUNNING`: A worker is at it.
 * - `SUCCEEDED`: Its files are there.
 * - `FAILED`: It ended without files; error says why.
 * - `CANCELLED`: Somebody ended it.
 */
export type ReportRunState =
  | "PENDING"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | `UNKNOWN_${number}`;

/**
 * ReportCatchUp says which runs are made of those whose instant has passed.
 *
 * - `LATEST`: The latest one.
 * - `ALL`: Every one.
 */
export type ReportCatchUp =
  | "LATEST"
  | "ALL"
  | `UNKNOWN_${number}`;

/** Report is a list of blocks, and a period. */
export interface Report {
  /** report_id names the report. Set by the service. */
  reportId: string;
  /** title is what people call it, at most 200 characters. Required. */
  title: string;
  /** description says what it is for, at most 2,000 characters. It stands on the first page. */
  description: string;
  /** visibility says who sees it. Unset: personal. */
  visibility?: ReportVisibility;
  /**
   * people are the subjects that see a report for people, at most 100 (TOO_MANY_VALUES). They go with
   * REPORT_VISIBILITY_PEOPLE and no other.
   */
  people: ReportPerson[];
  /** blocks are its parts in their order, at most 40 (TOO_MANY_VALUES). Required. */
  blocks: ReportBlock[];
  /** period is what the report is about. Unset: the last full week, compared with the week before. */
  period?: ReportPeriod;
  /** filter narrows every block whose question has a filter and none of its own. Unset: the whole organization. */
  filter?: Filter;
  /** formats are the files that a run writes, each once. Unset: PDF. */
  formats: ReportFormat[];
  /**
   * locale is the language of texts and the form of numbers: "en" or "de" (INVALID_VALUE). Unset: "en". Titles of
   * an organization's own metrics and what people have written stay as they are.
   */
  locale: string;
  /** owner is the subject that created it. Set by the service. */
  owner: string;
  /** version counts the changes, from 1. Set by the service. */
  version: number;
  /** etag is different after each change. Set by the service. */
  etag: string;
  /** created_at is when it was created. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when this version was stored. Set by the service. */
  updatedAt?: Instant;
  /** updated_by is the subject that stored this version. Set by the service. */
  updatedBy: string;
  /** may_edit says whether the caller may change it and its schedules. Set by the service. */
  mayEdit: boolean;
  /**
   * restriction is the part of the organization that all of its runs are about, whoever runs it: that of the caller who
   * created it. Unset: the whole organization. Set by the service.
   */
  restriction?: Restriction;
}

/** Report is a list of blocks, and a period. */
export interface ReportInit {
  /** report_id names the report. Set by the service. */
  reportId?: string | undefined;
  /** title is what people call it, at most 200 characters. Required. */
  title?: string | undefined;
  /** description says what it is for, at most 2,000 characters. It stands on the first page. */
  description?: string | undefined;
  /** visibility says who sees it. Unset: personal. */
  visibility?: ReportVisibility | undefined;
  /**
   * people are the subjects that see a report for people, at most 100 (TOO_MANY_VALUES). They go with
   * REPORT_VISIBILITY_PEOPLE and no other.
   */
  people?: readonly ReportPersonInit[] | undefined;
  /** blocks are its parts in their order, at most 40 (TOO_MANY_VALUES). Required. */
  blocks?: readonly ReportBlockInit[] | undefined;
  /** period is what the report is about. Unset: the last full week, compared with the week before. */
  period?: ReportPeriodInit | undefined;
  /** filter narrows every block whose question has a filter and none of its own. Unset: the whole organization. */
  filter?: FilterInit | undefined;
  /** formats are the files that a run writes, each once. Unset: PDF. */
  formats?: readonly ReportFormat[] | undefined;
  /**
   * locale is the language of texts and the form of numbers: "en" or "de" (INVALID_VALUE). Unset: "en". Titles of
   * an organization's own metrics and what people have written stay as they are.
   */
  locale?: string | undefined;
  /** owner is the subject that created it. Set by the service. */
  owner?: string | undefined;
  /** version counts the changes, from 1. Set by the service. */
  version?: number | bigint | undefined;
  /** etag is different after each change. Set by the service. */
  etag?: string | undefined;
  /** created_at is when it was created. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when this version was stored. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** updated_by is the subject that stored this version. Set by the service. */
  updatedBy?: string | undefined;
  /** may_edit says whether the caller may change it and its schedules. Set by the service. */
  mayEdit?: boolean | undefined;
  /**
   * restriction is the part of the organization that all of its runs are about, whoever runs it: that of the caller who
   * created it. Unset: the whole organization. Set by the service.
   */
  restriction?: RestrictionInit | undefined;
}

/** ReportPerson is somebody who sees a report. */
export interface ReportPerson {
  /** subject is who, as AccountService names them. Required. */
  subject: string;
  /** may_edit lets them change the report, but neither its people nor its visibility. */
  mayEdit: boolean;
}

/** ReportPerson is somebody who sees a report. */
export interface ReportPersonInit {
  /** subject is who, as AccountService names them. Required. */
  subject?: string | undefined;
  /** may_edit lets them change the report, but neither its people nor its visibility. */
  mayEdit?: boolean | undefined;
}

/** ReportPeriod is what a report is about, relative to the instant that a run is for, or fixed. */
export interface ReportPeriod {
  /**
   * range is "today", "yesterday", "last_7_days", "last_28_days", "last_90_days" (whole days before today),
   * "last_full_week", "last_full_month", "last_full_quarter", "last_full_year", "week_to_date", "month_to_date",
   * "quarter_to_date", "year_to_date", or two days, both included, as "2026-11-01..2026-11-28" (INVALID_VALUE). Unset:
   * "last_full_week".
   */
  range: string;
  /**
   * comparison is "previous" (the calendar week, month, quarter or year before, or as many days; of a period to date as
   * many days of the one before), "week", "year" (a week, or a year, earlier), "none", or two days as in range
   * (INVALID_VALUE). Unset: "previous".
   */
  comparison: string;
  /** time_zone is the IANA zone of the days (INVALID_TIME_ZONE). Unset: the organization's at the time of the run. */
  timeZone: string;
}

/** ReportPeriod is what a report is about, relative to the instant that a run is for, or fixed. */
export interface ReportPeriodInit {
  /**
   * range is "today", "yesterday", "last_7_days", "last_28_days", "last_90_days" (whole days before today),
   * "last_full_week", "last_full_month", "last_full_quarter", "last_full_year", "week_to_date", "month_to_date",
   * "quarter_to_date", "year_to_date", or two days, both included, as "2026-11-01..2026-11-28" (INVALID_VALUE). Unset:
   * "last_full_week".
   */
  range?: string | undefined;
  /**
   * comparison is "previous" (the calendar week, month, quarter or year before, or as many days; of a period to date as
   * many days of the one before), "week", "year" (a week, or a year, earlier), "none", or two days as in range
   * (INVALID_VALUE). Unset: "previous".
   */
  comparison?: string | undefined;
  /** time_zone is the IANA zone of the days (INVALID_TIME_ZONE). Unset: the organization's at the time of the run. */
  timeZone?: string | undefined;
}

/** ReportBlock is a part of a report. */
export interface ReportBlock {
  /**
   * kind is how the answer is shown: "figures" (key figures with their changes), "series" (a chart), "table", "ranking"
   * (bars), "funnel" or "text" (no question). Others are refused (INVALID_VALUE). Required.
   */
  kind: string;
  /** title stands above the block, at most 200 characters. Unset: none. */
  title: string;
  /**
   * note is text below the title, at most 4,000 characters. For a text it is the content, in paragraphs that an empty
   * line divides.
   */
  note: string;
  /**
   * options say how the answer is shown, at most 8 KiB as JSON: \{"metrics": ["cost_micros", …]\} chooses and orders the
   * figures or columns of an answer; \{"part": "by_channel"\} chooses the repeated field of an answer that a table or a
   * ranking shows; \{"page_break": true\} begins a new page. Others are kept and not looked into.
   */
  options?: JsonObject;
  /**
   * question is what the block asks, without its period: time_range, comparison, page_token and rows_token must be unset
   * (INVALID_VALUE), since the run puts them in. Only its form is checked when the report is stored: whether metrics and
   * values exist shows in the run, where a block that is refused says why and leaves the others alone. Unset for a text
   * alone (REQUIRED_FIELD). A "series" takes usage_trends; a "funnel" takes funnel.
   */
  question?:
    /** overview asks for key figures. */
    | { case: "overview"; value: GetOverviewRequestData }
    /** agent_metrics asks for the figures of an agent or a team. */
    | { case: "agentMetrics"; value: GetAgentMetricsRequestData }
    /** usage_trends asks for series. */
    | { case: "usageTrends"; value: GetUsageTrendsRequestData }
    /** query asks for totals, or for a table by a dimension: the first page of its rows. */
    | { case: "query"; value: QueryMetricsRequestData }
    /** daily_stats asks for a row for each day. */
    | { case: "dailyStats"; value: GetDailyStatsRequestData }
    /** conversation_metrics asks how conversations went. */
    | { case: "conversationMetrics"; value: GetConversationMetricsRequestData }
    /** costs asks for costs and tokens. */
    | { case: "costs"; value: GetCostsRequestData }
    /** roi asks for the return of AI agents. */
    | { case: "roi"; value: GetRoiRequestData }
    /** api_usage asks how APIs and tools are used. */
    | { case: "apiUsage"; value: GetApiUsageRequestData }
    /** call_metrics asks how telephone calls went. */
    | { case: "callMetrics"; value: GetCallMetricsRequestData }
    /** quality asks for scores. */
    | { case: "quality"; value: GetQualityRequestData }
    /** leaderboard asks for a leaderboard. */
    | { case: "leaderboard"; value: GetLeaderboardRequestData }
    /** funnel asks for the figures of a funnel. One whose stages or filters look into events' details is refused. */
    | { case: "funnel"; value: QueryFunnelRequestData }
    /** campaigns asks for campaigns: the first page of them. */
    | { case: "campaigns"; value: ListCampaignsRequestData }
    /** agents asks for the list of agents: the first page of it. */
    | { case: "agents"; value: ListAgentsRequestData };
}

/** ReportBlock is a part of a report. */
export interface ReportBlockInit {
  /**
   * kind is how the answer is shown: "figures" (key figures with their changes), "series" (a chart), "table", "ranking"
   * (bars), "funnel" or "text" (no question). Others are refused (INVALID_VALUE). Required.
   */
  kind?: string | undefined;
  /** title stands above the block, at most 200 characters. Unset: none. */
  title?: string | undefined;
  /**
   * note is text below the title, at most 4,000 characters. For a text it is the content, in paragraphs that an empty
   * line divides.
   */
  note?: string | undefined;
  /**
   * options say how the answer is shown, at most 8 KiB as JSON: \{"metrics": ["cost_micros", …]\} chooses and orders the
   * figures or columns of an answer; \{"part": "by_channel"\} chooses the repeated field of an answer that a table or a
   * ranking shows; \{"page_break": true\} begins a new page. Others are kept and not looked into.
   */
  options?: Properties | undefined;
  /**
   * question is what the block asks, without its period: time_range, comparison, page_token and rows_token must be unset
   * (INVALID_VALUE), since the run puts them in. Only its form is checked when the report is stored: whether metrics and
   * values exist shows in the run, where a block that is refused says why and leaves the others alone. Unset for a text
   * alone (REQUIRED_FIELD). A "series" takes usage_trends; a "funnel" takes funnel.
   */
  question?:
    /** overview asks for key figures. */
    | { case: "overview"; value: GetOverviewRequest }
    /** agent_metrics asks for the figures of an agent or a team. */
    | { case: "agentMetrics"; value: GetAgentMetricsRequest }
    /** usage_trends asks for series. */
    | { case: "usageTrends"; value: GetUsageTrendsRequest }
    /** query asks for totals, or for a table by a dimension: the first page of its rows. */
    | { case: "query"; value: QueryMetricsRequest }
    /** daily_stats asks for a row for each day. */
    | { case: "dailyStats"; value: GetDailyStatsRequest }
    /** conversation_metrics asks how conversations went. */
    | { case: "conversationMetrics"; value: GetConversationMetricsRequest }
    /** costs asks for costs and tokens. */
    | { case: "costs"; value: GetCostsRequest }
    /** roi asks for the return of AI agents. */
    | { case: "roi"; value: GetRoiRequest }
    /** api_usage asks how APIs and tools are used. */
    | { case: "apiUsage"; value: GetApiUsageRequest }
    /** call_metrics asks how telephone calls went. */
    | { case: "callMetrics"; value: GetCallMetricsRequest }
    /** quality asks for scores. */
    | { case: "quality"; value: GetQualityRequest }
    /** leaderboard asks for a leaderboard. */
    | { case: "leaderboard"; value: GetLeaderboardRequest }
    /** funnel asks for the figures of a funnel. One whose stages or filters look into events' details is refused. */
    | { case: "funnel"; value: QueryFunnelRequest }
    /** campaigns asks for campaigns: the first page of them. */
    | { case: "campaigns"; value: ListCampaignsRequest }
    /** agents asks for the list of agents: the first page of it. */
    | { case: "agents"; value: ListAgentsRequest }
    | undefined;
}

/** ReportRun is one making of a report. */
export interface ReportRun {
  /** run_id names the run. */
  runId: string;
  /** report_id names its report. */
  reportId: string;
  /** report_version is the version of the report that is run. */
  reportVersion: number;
  /** title is the title of that version. */
  title: string;
  /** state is what has become of it. */
  state?: ReportRunState;
  /** progress is the share that is done, 0 to 1. */
  progress: number;
  /** progress_line says what is being done, in English. */
  progressLine: string;
  /** requested_by is the subject that asked for it, or that made the schedule. */
  requestedBy: string;
  /** schedule_id names the schedule that made it. Unset: somebody asked for it. */
  scheduleId: string;
  /** scheduled_at is the instant of the schedule that it is for. Unset: none. */
  scheduledAt?: Instant;
  /** again_of is the run whose period it asks for again. Unset: none. */
  againOf: string;
  /** range is the period as the report names it. */
  range: string;
  /** start is the first instant of the period. */
  start?: Instant;
  /** end is the first instant after the period. */
  end?: Instant;
  /** time_zone is the zone of its days. */
  timeZone: string;
  /** created_at is when it was asked for. */
  createdAt?: Instant;
  /** started_at is when a worker began it first. Unset: none has. */
  startedAt?: Instant;
  /** ended_at is when it ended. Unset: it has not. */
  endedAt?: Instant;
  /** first_revision is the lowest revision that a block was answered at. */
  firstRevision: number;
  /** last_revision is the highest one. If both are equal, the whole report is of one instant. */
  lastRevision: number;
  /** rows is how many rows its tables and series have. */
  rows: number;
  /** files are its files. */
  files: ReportFile[];
  /** error says why it failed, in English. Unset: it has not. */
  error: string;
  /** failed_blocks is how many blocks were refused; the files say why. */
  failedBlocks: number;
  /**
   * changed_figures is how many figures differ from those of the run that it is made again of. Unset: it is made again of
   * none.
   */
  changedFigures?: number;
  /**
   * expires_at is when the run is deleted with its files: the organization's report_retention_days after its end. Unset:
   * it has not ended.
   */
  expiresAt?: Instant;
  /**
   * restriction is the part of the organization that it is about, which its files say: its report's. Unset: the whole
   * organization.
   */
  restriction?: Restriction;
}

/** ReportFile is a file of a run. */
export interface ReportFile {
  /** format is its kind. */
  format?: ReportFormat;
  /** name is a name for it, with letters, digits, dots and hyphens of ASCII alone. */
  name: string;
  /** media_type is its type, as "application/pdf". */
  mediaType: string;
  /** bytes is its size. */
  bytes: number;
  /** sha256 is the SHA-256 of its bytes, in hexadecimal digits. */
  sha256: string;
}

/**
 * ReportSchedule says when a report runs by itself. Each instant that it names makes one run, whichever workers are
 * there, and whatever the clocks do: a time of the day comes once a day; one that the clocks skip comes at the first
 * instant after the gap.
 */
export interface ReportSchedule {
  /** schedule_id names the schedule. Set by the service. */
  scheduleId: string;
  /** report_id names its report, which never changes. Required. */
  reportId: string;
  /**
   * when says when: "daily at 07:00", "weekdays at 07:00", "mondays at 07:00", "mondays and thursdays at 07:00",
   * "monthly on day 1 at 07:00", "quarterly on day 1 at 07:00", "hourly at :05", or five fields of cron: minute, hour,
   * day of the month, month, day of the week (INVALID_VALUE). Required.
   */
  when: string;
  /**
   * time_zone is the IANA zone of these times (INVALID_TIME_ZONE). Unset: the organization's, at the time of the call.
   */
  timeZone: string;
  /** catch_up says what runs after workers were away, or the schedule was paused. Unset: the latest. */
  catchUp?: ReportCatchUp;
  /**
   * destination_ids name where the files of a run are sent, at most 20 (TOO_MANY_VALUES), each of the organization
   * (DESTINATION_NOT_FOUND). Unset: nowhere; they are kept.
   */
  destinationIds: string[];
  /** formats are the files that are sent. Unset: all that the report has. */
  formats: ReportFormat[];
  /** paused says that it does not run. Set by PauseReportSchedule and ResumeReportSchedule. */
  paused: boolean;
  /** next_runs are the next five instants. Set by the service. */
  nextRuns: Instant[];
  /** cron is what when means. Set by the service. */
  cron: string;
  /** created_by is the subject that made it. Set by the service. */
  createdBy: string;
  /** etag is different after each change. Set by the service. */
  etag: string;
  /** created_at is when it was made. Set by the service. */
  createdAt?: Instant;
  /** updated_at is when it was changed last. Set by the service. */
  updatedAt?: Instant;
  /** report_title is the title of its report. Set by the service. */
  reportTitle: string;
}

/**
 * ReportSchedule says when a report runs by itself. Each instant that it names makes one run, whichever workers are
 * there, and whatever the clocks do: a time of the day comes once a day; one that the clocks skip comes at the first
 * instant after the gap.
 */
export interface ReportScheduleInit {
  /** schedule_id names the schedule. Set by the service. */
  scheduleId?: string | undefined;
  /** report_id names its report, which never changes. Required. */
  reportId?: string | undefined;
  /**
   * when says when: "daily at 07:00", "weekdays at 07:00", "mondays at 07:00", "mondays and thursdays at 07:00",
   * "monthly on day 1 at 07:00", "quarterly on day 1 at 07:00", "hourly at :05", or five fields of cron: minute, hour,
   * day of the month, month, day of the week (INVALID_VALUE). Required.
   */
  when?: string | undefined;
  /**
   * time_zone is the IANA zone of these times (INVALID_TIME_ZONE). Unset: the organization's, at the time of the call.
   */
  timeZone?: string | undefined;
  /** catch_up says what runs after workers were away, or the schedule was paused. Unset: the latest. */
  catchUp?: ReportCatchUp | undefined;
  /**
   * destination_ids name where the files of a run are sent, at most 20 (TOO_MANY_VALUES), each of the organization
   * (DESTINATION_NOT_FOUND). Unset: nowhere; they are kept.
   */
  destinationIds?: readonly string[] | undefined;
  /** formats are the files that are sent. Unset: all that the report has. */
  formats?: readonly ReportFormat[] | undefined;
  /** paused says that it does not run. Set by PauseReportSchedule and ResumeReportSchedule. */
  paused?: boolean | undefined;
  /** next_runs are the next five instants. Set by the service. */
  nextRuns?: readonly InstantInit[] | undefined;
  /** cron is what when means. Set by the service. */
  cron?: string | undefined;
  /** created_by is the subject that made it. Set by the service. */
  createdBy?: string | undefined;
  /** etag is different after each change. Set by the service. */
  etag?: string | undefined;
  /** created_at is when it was made. Set by the service. */
  createdAt?: InstantInit | undefined;
  /** updated_at is when it was changed last. Set by the service. */
  updatedAt?: InstantInit | undefined;
  /** report_title is the title of its report. Set by the service. */
  reportTitle?: string | undefined;
}

/** CreateReportRequest stores a new report. */
export interface CreateReportRequest {
  /**
   * report is what is stored. What the service sets is ignored, so the JSON of another report can be given as it is.
   * Required.
   */
  report?: ReportInit | undefined;
}

/** CreateReportResponse holds the report. */
export interface CreateReportResponse {
  /** report is as it was stored. */
  report?: Report;
}

/** GetReportRequest asks for a report. */
export interface GetReportRequest {
  /** report_id names it. Required. */
  reportId?: string | undefined;
  /** version is the version that is wanted. Unset: the newest. */
  version?: number | bigint | undefined;
}

/** GetReportResponse holds a report. */
export interface GetReportResponse {
  /** report is the report. Its etag is that of the newest version, whichever version was asked for. */
  report?: Report;
}

/** ListReportsRequest asks for all reports. */
export type ListReportsRequest = Readonly<Record<string, never>>;

/** ListReportsResponse holds reports. */
export interface ListReportsResponse {
  /** reports are those that the caller may see, by title, without blocks. */
  reports: Report[];
}

/** UpdateReportRequest stores a new version of a report. */
export interface UpdateReportRequest {
  /**
   * report is the new version as a whole; report_id says of which report, and etag which version it was made from
   * (ETAG_MISMATCH). Without an etag whatever was changed meanwhile is overwritten. Only the owner can change visibility
   * and people (REPORT_OWNER). Required.
   */
  report?: ReportInit | undefined;
}

/** UpdateReportResponse holds the report. */
export interface UpdateReportResponse {
  /** report is as it was stored. */
  report?: Report;
}

/** DeleteReportRequest deletes a report. */
export interface DeleteReportRequest {
  /** report_id names it. Required. */
  reportId?: string | undefined;
  /** etag is that of the version that is known (ETAG_MISMATCH). Unset: it is deleted whatever it is now. */
  etag?: string | undefined;
}

/** DeleteReportResponse says that the report is deleted. */
export type DeleteReportResponse = Readonly<Record<string, never>>;

/** ListReportVersionsRequest asks for the versions of a report. */
export interface ListReportVersionsRequest {
  /** report_id names it. Required. */
  reportId?: string | undefined;
}

/** ListReportVersionsResponse holds the versions of a report. */
export interface ListReportVersionsResponse {
  /** versions are those that are kept, newest first. */
  versions: ReportVersion[];
}

/** ReportVersion is a version of a report. */
export interface ReportVersion {
  /** version is its number. */
  version: number;
  /** title is the title that it had. */
  title: string;
  /** blocks is the number of its blocks. */
  blocks: number;
  /** updated_at is when it was stored. */
  updatedAt?: Instant;
  /** updated_by is the subject that stored it. */
  updatedBy: string;
}

/** ListReportTemplatesRequest asks for reports to begin with. */
export type ListReportTemplatesRequest = Readonly<Record<string, never>>;

/** ListReportTemplatesResponse holds reports to begin with. */
export interface ListReportTemplatesResponse {
  /**
   * templates are complete but for what the service sets; report_id is a name such as "overview". Titles are English.
   */
  templates: Report[];
}

/** RunReportRequest queues a run. */
export interface RunReportRequest {
  /** report_id names the report. Unset: that of again_of. */
  reportId?: string | undefined;
  /**
   * again_of names a run whose period is asked for again, with the version of the report that it had and the newest data:
   * the files begin with the figures that differ. Of a run without files no differences are told.
   */
  againOf?: string | undefined;
  /** period is that of this run, in place of the report's. It goes without again_of (INVALID_VALUE). */
  period?: ReportPeriodInit | undefined;
  /** formats are those of this run. Unset: the report's. */
  formats?: readonly ReportFormat[] | undefined;
  /**
   * request_id, chosen by the caller, makes the call safe to repeat: with one that the organization has used for this
   * report before, the run of then is returned. At most 128 bytes.
   */
  requestId?: string | undefined;
}

/** RunReportResponse holds the run. */
export interface RunReportResponse {
  /** run is pending, unless the call is a repeated one. */
  run?: ReportRun;
}

/** GetReportRunRequest asks for a run. */
export interface GetReportRunRequest {
  /** run_id names it. Required. */
  runId?: string | undefined;
}

/** GetReportRunResponse holds a run. */
export interface GetReportRunResponse {
  /** run is the run. */
  run?: ReportRun;
}

/** ListReportRunsRequest asks for runs. */
export interface ListReportRunsRequest {
  /** report_id names a report. Unset: of all that the caller may see. */
  reportId?: string | undefined;
  /** schedule_id names a schedule. Unset: whichever. */
  scheduleId?: string | undefined;
  /** page_size is the most runs of a page, up to 200. Unset: 50. */
  pageSize?: number | undefined;
  /** page_token is next_page_token of the page before. Unset: the first page. */
  pageToken?: string | undefined;
}

/** ListReportRunsResponse holds a page of runs. */
export interface ListReportRunsResponse {
  /** runs are newest first. */
  runs: ReportRun[];
  /** next_page_token asks for the next page. Unset: this is the last one. */
  nextPageToken: string;
}

/** CancelReportRunRequest ends a run. */
export interface CancelReportRunRequest {
  /** run_id names it. Required. */
  runId?: string | undefined;
}

/** CancelReportRunResponse holds the run. */
export interface CancelReportRunResponse {
  /** run is as it is now. */
  run?: ReportRun;
}

/** DownloadReportRequest asks for a file. */
export interface DownloadReportRequest {
  /** run_id names the run. Required. */
  runId?: string | undefined;
  /** format is the file's. Unset: the run's first. */
  format?: ReportFormat | undefined;
  /** offset is how many bytes the caller has already, from a download that was cut (VALUE_OUT_OF_RANGE). */
  offset?: number | bigint | undefined;
}

/** DownloadReportResponse is a part of a file. */
export interface DownloadReportResponse {
  /** part is what the message holds. */
  part?:
    /** file is what the file is: the first message. */
    | { case: "file"; value: ReportFile }
    /** chunk is its next bytes, at most 256 KiB. */
    | { case: "chunk"; value: Uint8Array };
}

/** CreateReportScheduleRequest stores a schedule. */
export interface CreateReportScheduleRequest {
  /** schedule is what is stored. Required. */
  schedule?: ReportScheduleInit | undefined;
}

/** CreateReportScheduleResponse holds the schedule. */
export interface CreateReportScheduleResponse {
  /** schedule is as it was stored. */
  schedule?: ReportSchedule;
}

/** UpdateReportScheduleRequest changes a schedule. */
export interface UpdateReportScheduleRequest {
  /**
   * schedule is the schedule as a whole; schedule_id says which, and etag which state it was made from (ETAG_MISMATCH).
   * Its report and whether it is paused stay. Required.
   */
  schedule?: ReportScheduleInit | undefined;
}

/** UpdateReportScheduleResponse holds the schedule. */
export interface UpdateReportScheduleResponse {
  /** schedule is as it was stored. */
  schedule?: ReportSchedule;
}

/** DeleteReportScheduleRequest deletes a schedule. */
export interface DeleteReportScheduleRequest {
  /** schedule_id names it. Required. */
  scheduleId?: string | undefined;
  /** etag is that of the state that is known (ETAG_MISMATCH). Unset: it is deleted whatever it is now. */
  etag?: string | undefined;
}

/** DeleteReportScheduleResponse says that the schedule is deleted. */
export type DeleteReportScheduleResponse = Readonly<Record<string, never>>;

/** ListReportSchedulesRequest asks for schedules. */
export interface ListReportSchedulesRequest {
  /** report_id names a report. Unset: of all that the caller may see. */
  reportId?: string | undefined;
}

/** ListReportSchedulesResponse holds schedules. */
export interface ListReportSchedulesResponse {
  /** schedules are by the time of their next run, paused ones last. */
  schedules: ReportSchedule[];
}

/** PauseReportScheduleRequest pauses a schedule. */
export interface PauseReportScheduleRequest {
  /** schedule_id names it. Required. */
  scheduleId?: string | undefined;
}

/** PauseReportScheduleResponse holds the schedule. */
export interface PauseReportScheduleResponse {
  /** schedule is as it is now. */
  schedule?: ReportSchedule;
}

/** ResumeReportScheduleRequest lets a schedule go on. */
export interface ResumeReportScheduleRequest {
  /** schedule_id names it. Required. */
  scheduleId?: string | undefined;
}

/** ResumeReportScheduleResponse holds the schedule. */
export interface ResumeReportScheduleResponse {
  /** schedule is as it is now. */
  schedule?: ReportSchedule;
}

/** RunReportScheduleRequest makes a run of a schedule now. */
export interface RunReportScheduleRequest {
  /** schedule_id names it. Required. */
  scheduleId?: string | undefined;
  /** request_id makes the call safe to repeat, as in RunReport. */
  requestId?: string | undefined;
}

/** RunReportScheduleResponse holds the run. */
export interface RunReportScheduleResponse {
  /** run is pending, unless the call is a repeated one. */
  run?: ReportRun;
}
