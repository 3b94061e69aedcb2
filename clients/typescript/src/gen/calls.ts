// Made by protos/generate.py from the contract. Do not edit.
import type { CallOptions, Caller, StreamOptions } from "../caller.js";
import type {
  AcknowledgeIncidentRequest,
  AcknowledgeIncidentResponse,
  Agent,
  ApiKey,
  AuditEntry,
  BacktestAlertRuleRequest,
  BacktestAlertRuleResponse,
  Campaign,
  CancelReportRunRequest,
  CancelReportRunResponse,
  CancelTaskRequest,
  CancelTaskResponse,
  ChangeMailSubscriptionRequest,
  ChangeMailSubscriptionResponse,
  CommentIncidentRequest,
  CommentIncidentResponse,
  ContentGap,
  Conversation,
  CorrectEventsRequest,
  CorrectEventsResponse,
  CreateAlertRuleRequest,
  CreateAlertRuleResponse,
  CreateCustomMetricRequest,
  CreateCustomMetricResponse,
  CreateDashboardRequest,
  CreateDashboardResponse,
  CreateDestinationRequest,
  CreateDestinationResponse,
  CreateDownloadLinkRequest,
  CreateDownloadLinkResponse,
  CreateEmbedTokenRequest,
  CreateEmbedTokenResponse,
  CreateFunnelRequest,
  CreateFunnelResponse,
  CreateKeyRequest,
  CreateKeyResponse,
  CreateOrganizationRequest,
  CreateOrganizationResponse,
  CreateReportRequest,
  CreateReportResponse,
  CreateReportScheduleRequest,
  CreateReportScheduleResponse,
  CreateSignInCodeRequest,
  CreateSignInCodeResponse,
  DeleteAlertRuleRequest,
  DeleteAlertRuleResponse,
  DeleteCustomMetricRequest,
  DeleteCustomMetricResponse,
  DeleteDashboardRequest,
  DeleteDashboardResponse,
  DeleteDestinationRequest,
  DeleteDestinationResponse,
  DeleteFunnelRequest,
  DeleteFunnelResponse,
  DeleteOrganizationRequest,
  DeleteOrganizationResponse,
  DeleteReportRequest,
  DeleteReportResponse,
  DeleteReportScheduleRequest,
  DeleteReportScheduleResponse,
  DeleteRoleRequest,
  DeleteRoleResponse,
  Delivery,
  DownloadReportRequest,
  DownloadReportResponse,
  DuplicateDashboardRequest,
  DuplicateDashboardResponse,
  EraseUserRequest,
  EraseUserResponse,
  EventRow,
  ExportMetricsRequest,
  ExportMetricsResponse,
  ExportRowsRequest,
  ExportRowsResponse,
  ExportUserRequest,
  ExportUserResponse,
  GetAgentMetricsRequest,
  GetAgentMetricsResponse,
  GetAgentRequest,
  GetAgentResponse,
  GetAlertRuleRequest,
  GetAlertRuleResponse,
  GetApiUsageRequest,
  GetApiUsageResponse,
  GetCallMetricsRequest,
  GetCallMetricsResponse,
  GetCampaignRequest,
  GetCampaignResponse,
  GetChurnRequest,
  GetChurnResponse,
  GetContentGapRequest,
  GetContentGapResponse,
  GetConversationMetricsRequest,
  GetConversationMetricsResponse,
  GetConversationRequest,
  GetConversationResponse,
  GetCostsRequest,
  GetCostsResponse,
  GetCustomMetricRequest,
  GetCustomMetricResponse,
  GetDailyStatsRequest,
  GetDailyStatsResponse,
  GetDashboardRequest,
  GetDashboardResponse,
  GetDeliveryRequest,
  GetDeliveryResponse,
  GetDestinationRequest,
  GetDestinationResponse,
  GetErasureRequest,
  GetErasureResponse,
  GetEventRequest,
  GetEventResponse,
  GetForecastRequest,
  GetForecastResponse,
  GetFunnelRequest,
  GetFunnelResponse,
  GetIncidentRequest,
  GetIncidentResponse,
  GetLeadRequest,
  GetLeadResponse,
  GetLeaderboardRequest,
  GetLeaderboardResponse,
  GetMemberRequest,
  GetMemberResponse,
  GetOrganizationDeletionRequest,
  GetOrganizationDeletionResponse,
  GetOrganizationRequest,
  GetOrganizationResponse,
  GetOverviewRequest,
  GetOverviewResponse,
  GetPreferencesRequest,
  GetPreferencesResponse,
  GetQualityRequest,
  GetQualityResponse,
  GetQuotaRequest,
  GetQuotaResponse,
  GetRealtimeMetricsRequest,
  GetRealtimeMetricsResponse,
  GetReportRequest,
  GetReportResponse,
  GetReportRunRequest,
  GetReportRunResponse,
  GetRoiRequest,
  GetRoiResponse,
  GetSessionRequest,
  GetSessionResponse,
  GetUsageRequest,
  GetUsageResponse,
  GetUsageTrendsRequest,
  GetUsageTrendsResponse,
  GetUserRequest,
  GetUserResponse,
  GetUserRetentionRequest,
  GetUserRetentionResponse,
  Incident,
  Lead,
  ListAgentsRequest,
  ListAgentsResponse,
  ListAlertRulesRequest,
  ListAlertRulesResponse,
  ListAnomaliesRequest,
  ListAnomaliesResponse,
  ListAuditEntriesRequest,
  ListAuditEntriesResponse,
  ListCampaignsRequest,
  ListCampaignsResponse,
  ListChangesRequest,
  ListChangesResponse,
  ListContentGapsRequest,
  ListContentGapsResponse,
  ListConversationsRequest,
  ListConversationsResponse,
  ListCustomMetricsRequest,
  ListCustomMetricsResponse,
  ListDashboardTemplatesRequest,
  ListDashboardTemplatesResponse,
  ListDashboardVersionsRequest,
  ListDashboardVersionsResponse,
  ListDashboardsRequest,
  ListDashboardsResponse,
  ListDeliveriesRequest,
  ListDeliveriesResponse,
  ListDestinationsRequest,
  ListDestinationsResponse,
  ListDimensionValuesRequest,
  ListDimensionValuesResponse,
  ListEventsRequest,
  ListEventsResponse,
  ListFunnelsRequest,
  ListFunnelsResponse,
  ListIncidentsRequest,
  ListIncidentsResponse,
  ListKeysRequest,
  ListKeysResponse,
  ListLeadsRequest,
  ListLeadsResponse,
  ListMembersRequest,
  ListMembersResponse,
  ListMetricsRequest,
  ListMetricsResponse,
  ListOrganizationsRequest,
  ListOrganizationsResponse,
  ListOwnSessionsRequest,
  ListOwnSessionsResponse,
  ListReportRunsRequest,
  ListReportRunsResponse,
  ListReportSchedulesRequest,
  ListReportSchedulesResponse,
  ListReportTemplatesRequest,
  ListReportTemplatesResponse,
  ListReportVersionsRequest,
  ListReportVersionsResponse,
  ListReportsRequest,
  ListReportsResponse,
  ListRolesRequest,
  ListRolesResponse,
  ListSchedulesRequest,
  ListSchedulesResponse,
  ListSessionsRequest,
  ListSessionsResponse,
  ListTasksRequest,
  ListTasksResponse,
  ListUsageRequest,
  ListUsageResponse,
  ListUserActivitiesRequest,
  ListUserActivitiesResponse,
  ListUsersAtRiskRequest,
  ListUsersAtRiskResponse,
  ListUsersRequest,
  ListUsersResponse,
  Member,
  MergeContentGapsRequest,
  MergeContentGapsResponse,
  MetricRow,
  Organization,
  OrganizationUsage,
  PauseReportScheduleRequest,
  PauseReportScheduleResponse,
  PauseScheduleRequest,
  PauseScheduleResponse,
  PutMemberRequest,
  PutMemberResponse,
  PutRoleRequest,
  PutRoleResponse,
  QueryFunnelRequest,
  QueryFunnelResponse,
  QueryMetricsRequest,
  QueryMetricsResponse,
  ReadDownloadRequest,
  ReadDownloadResponse,
  RemoveMemberRequest,
  RemoveMemberResponse,
  RepairMetricsRequest,
  RepairMetricsResponse,
  ReportRun,
  ResendDeliveryRequest,
  ResendDeliveryResponse,
  ResumeOrganizationRequest,
  ResumeOrganizationResponse,
  ResumeReportScheduleRequest,
  ResumeReportScheduleResponse,
  ResumeScheduleRequest,
  ResumeScheduleResponse,
  RetractEventsRequest,
  RetractEventsResponse,
  RetryTaskRequest,
  RetryTaskResponse,
  RevokeKeyRequest,
  RevokeKeyResponse,
  RevokeOtherSessionsRequest,
  RevokeOtherSessionsResponse,
  RevokeOwnSessionRequest,
  RevokeOwnSessionResponse,
  RevokeSessionRequest,
  RevokeSessionResponse,
  RotateKeyRequest,
  RotateKeyResponse,
  RotateSecretRequest,
  RotateSecretResponse,
  RunReportRequest,
  RunReportResponse,
  RunReportScheduleRequest,
  RunReportScheduleResponse,
  RunScheduleRequest,
  RunScheduleResponse,
  SignInRequest,
  SignInResponse,
  SignOutRequest,
  SignOutResponse,
  SignedInSession,
  SnoozeAlertRuleRequest,
  SnoozeAlertRuleResponse,
  SuspendOrganizationRequest,
  SuspendOrganizationResponse,
  TestAlertRuleRequest,
  TestAlertRuleResponse,
  TestDestinationRequest,
  TestDestinationResponse,
  TimelineEvent,
  TrackEventRequest,
  TrackEventResponse,
  TrackEventsRequest,
  TrackEventsResponse,
  UndoContentGapMergeRequest,
  UndoContentGapMergeResponse,
  UpdateAlertRuleRequest,
  UpdateAlertRuleResponse,
  UpdateContentGapRequest,
  UpdateContentGapResponse,
  UpdateDashboardRequest,
  UpdateDashboardResponse,
  UpdateDestinationRequest,
  UpdateDestinationResponse,
  UpdateOrganizationRequest,
  UpdateOrganizationResponse,
  UpdatePreferencesRequest,
  UpdatePreferencesResponse,
  UpdateReportRequest,
  UpdateReportResponse,
  UpdateReportScheduleRequest,
  UpdateReportScheduleResponse,
  User,
  UserActivity,
  UserAtRisk,
  VerifyMetricsRequest,
  VerifyMetricsResponse,
  WatchAlertsRequest,
  WatchAlertsResponse,
  WorkSchedule,
  WorkTask,
} from "./messages.js";
import { AccountService } from "./tallywire/v1/account_service_pb.js";
import { AdminService } from "./tallywire/v1/admin_service_pb.js";
import { AlertService } from "./tallywire/v1/alert_service_pb.js";
import { AnomalyService } from "./tallywire/v1/anomaly_service_pb.js";
import { AuditService } from "./tallywire/v1/audit_service_pb.js";
import { CampaignService } from "./tallywire/v1/campaign_service_pb.js";
import { CustomMetricService } from "./tallywire/v1/custom_metric_service_pb.js";
import { DashboardService } from "./tallywire/v1/dashboard_service_pb.js";
import { DeliveryService } from "./tallywire/v1/delivery_service_pb.js";
import { DirectoryService } from "./tallywire/v1/directory_service_pb.js";
import { EventService } from "./tallywire/v1/event_service_pb.js";
import { ExportService } from "./tallywire/v1/export_service_pb.js";
import { ForecastService } from "./tallywire/v1/forecast_service_pb.js";
import { FunnelService } from "./tallywire/v1/funnel_service_pb.js";
import { LeaderboardService } from "./tallywire/v1/leaderboard_service_pb.js";
import { MetricsService } from "./tallywire/v1/metrics_service_pb.js";
import { PrivacyService } from "./tallywire/v1/privacy_service_pb.js";
import { RealtimeService } from "./tallywire/v1/realtime_service_pb.js";
import { ReportService } from "./tallywire/v1/report_service_pb.js";

/** A method for each RPC of the contract. */
export class Calls {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * SignIn exchanges an API key, a one-time code or an identity token for a session. It is the one RPC that needs no
   * "authorization" metadata, and ignores it. A credential that is not good is refused with UNAUTHENTICATED (CREDENTIALS_INVALID), and
   * with AUTH_RATE_LIMIT where one address repeats it too often; a key without the scope read with PERMISSION_DENIED
   * (SCOPE_MISSING). Sign-ins are in the audit trail. A call whose outcome is unknown may be repeated with an API key: it
   * makes another session. With a code it may not.
   */
  signIn(request: SignInRequest = {}, options?: CallOptions): Promise<SignInResponse> {
    return this.#caller.unary<SignInResponse>({ method: AccountService.method.signIn, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * SignOut ends the session that makes the call, for good; servers refuse it within 10 seconds. To call it with an API
   * key or an embed token changes nothing.
   */
  signOut(request: SignOutRequest = {}, options?: CallOptions): Promise<SignOutResponse> {
    return this.#caller.unary<SignOutResponse>({ method: AccountService.method.signOut, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetSession says who the caller is, what it may do, and what pages need to know of its organization. API keys and
   * embed tokens may call it, too.
   */
  getSession(request: GetSessionRequest = {}, options?: CallOptions): Promise<GetSessionResponse> {
    return this.#caller.unary<GetSessionResponse>({ method: AccountService.method.getSession, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateSignInCode makes a code that signs somebody in once, within 10 minutes. It belongs into the fragment of a link
   * (ORIGIN/#code=CODE), which browsers neither send nor log. It needs an API key itself: a call with a session, an
   * identity token or an embed token is refused (KEY_REQUIRED).
   */
  createSignInCode(request: CreateSignInCodeRequest = {}, options?: CallOptions): Promise<CreateSignInCodeResponse> {
    return this.#caller.unary<CreateSignInCodeResponse>({ method: AccountService.method.createSignInCode, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateEmbedToken makes a token for a panel within somebody else's page: it may call a few RPCs, is tied to a filter
   * that it cannot leave off, and ends after an hour at most. Whoever sees the page can ask what its token may ask, so
   * users and conversations are not shown one by one: states of now have no conversations, and QueryMetrics by "user" is
   * refused (EMBED_NOT_ALLOWED). Your backend calls this for a person whom it has signed in,
   * and hands the token to the page. Nothing is stored: a token ends with its time, with its key, or with the session
   * that made it. Identity tokens and certificates make none (KEY_REQUIRED).
   */
  createEmbedToken(request: CreateEmbedTokenRequest = {}, options?: CallOptions): Promise<CreateEmbedTokenResponse> {
    return this.#caller.unary<CreateEmbedTokenResponse>({ method: AccountService.method.createEmbedToken, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** GetPreferences returns what the caller's subject has chosen. */
  getPreferences(request: GetPreferencesRequest = {}, options?: CallOptions): Promise<GetPreferencesResponse> {
    return this.#caller.unary<GetPreferencesResponse>({ method: AccountService.method.getPreferences, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** UpdatePreferences changes what the caller's subject has chosen. */
  updatePreferences(request: UpdatePreferencesRequest = {}, options?: CallOptions): Promise<UpdatePreferencesResponse> {
    return this.#caller.unary<UpdatePreferencesResponse>({ method: AccountService.method.updatePreferences, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListOwnSessions returns a page of the sessions of the caller's subject that are good, the newest first: wherever the
   * same person, or somebody with the same key, is signed in.
   */
  listOwnSessions(request: ListOwnSessionsRequest = {}, options?: CallOptions): Promise<ListOwnSessionsResponse> {
    return this.#caller.unary<ListOwnSessionsResponse>({ method: AccountService.method.listOwnSessions, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `sessions` of listOwnSessions, page after page; `pageSize` says how many are fetched at once. */
  listOwnSessionsAll(request: ListOwnSessionsRequest = {}, options?: CallOptions): AsyncGenerator<SignedInSession, void, undefined> {
    return this.#caller.pages<SignedInSession>({ method: AccountService.method.listOwnSessions, kind: "question", attemptMs: 30_000 }, "sessions", request, options);
  }

  /**
   * RevokeOwnSession ends a session of the caller's subject for good; servers refuse it within 10 seconds, and its
   * streams end. To revoke it again changes nothing. One that the subject does not have, or that ended over an hour ago and
   * is not kept any more, is NOT_FOUND (SESSION_NOT_FOUND).
   */
  revokeOwnSession(request: RevokeOwnSessionRequest = {}, options?: CallOptions): Promise<RevokeOwnSessionResponse> {
    return this.#caller.unary<RevokeOwnSessionResponse>({ method: AccountService.method.revokeOwnSession, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * RevokeOtherSessions ends all sessions of the caller's subject but the one that makes the call, as RevokeOwnSession
   * does. A caller without a session ends all of them.
   */
  revokeOtherSessions(request: RevokeOtherSessionsRequest = {}, options?: CallOptions): Promise<RevokeOtherSessionsResponse> {
    return this.#caller.unary<RevokeOtherSessionsResponse>({ method: AccountService.method.revokeOtherSessions, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** GetOverview returns the key figures of the organization, or of one value of a dimension, such as an agent. */
  getOverview(request: GetOverviewRequest = {}, options?: CallOptions): Promise<GetOverviewResponse> {
    return this.#caller.unary<GetOverviewResponse>({ method: MetricsService.method.getOverview, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetAgentMetrics returns everything about one agent, or one team, and a daily trend. If the organization has never
   * sent an event with this agent_id or team_id, the call fails with NOT_FOUND (AGENT_NOT_FOUND, TEAM_NOT_FOUND). An
   * agent that was first seen after the organization had reached its limit of distinct agents has no figures of its own
   * (CARDINALITY_OVERFLOW); the agent_id "_other" gives those of all such agents together. So it is with teams.
   */
  getAgentMetrics(request: GetAgentMetricsRequest = {}, options?: CallOptions): Promise<GetAgentMetricsResponse> {
    return this.#caller.unary<GetAgentMetricsResponse>({ method: MetricsService.method.getAgentMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** GetUsageTrends returns series of one or more metrics from minutes to years of any time zone, without gaps. */
  getUsageTrends(request: GetUsageTrendsRequest = {}, options?: CallOptions): Promise<GetUsageTrendsResponse> {
    return this.#caller.unary<GetUsageTrendsResponse>({ method: MetricsService.method.getUsageTrends, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * QueryMetrics returns a table: a row for each value of a dimension, or of a pair of dimensions, with any metrics,
   * ordered by one of them; with what the rows leave of the total. It is the question for rankings ("the ten agents
   * with the most messages", "the models that cost most") and for tables.
   */
  queryMetrics(request: QueryMetricsRequest = {}, options?: CallOptions): Promise<QueryMetricsResponse> {
    return this.#caller.unary<QueryMetricsResponse>({ method: MetricsService.method.queryMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `rows` of queryMetrics, page after page; `pageSize` says how many are fetched at once. */
  queryMetricsAll(request: QueryMetricsRequest = {}, options?: CallOptions): AsyncGenerator<MetricRow, void, undefined> {
    return this.#caller.pages<MetricRow>({ method: MetricsService.method.queryMetrics, kind: "question", attemptMs: 30_000 }, "rows", request, options);
  }

  /**
   * GetApiUsage returns how APIs and tools are used: calls, failures, latency and bytes, by endpoint, method and class
   * of status codes, the slowest and the most failing endpoints, and a series.
   */
  getApiUsage(request: GetApiUsageRequest = {}, options?: CallOptions): Promise<GetApiUsageResponse> {
    return this.#caller.unary<GetApiUsageResponse>({ method: MetricsService.method.getApiUsage, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetCallMetrics returns how telephone calls went: offered, answered and abandoned, service levels, waiting, talk,
   * hold, wrap-up and handle time, by queue, team, agent and hour of the week, and a series; outbound calls apart.
   */
  getCallMetrics(request: GetCallMetricsRequest = {}, options?: CallOptions): Promise<GetCallMetricsResponse> {
    return this.#caller.unary<GetCallMetricsResponse>({ method: MetricsService.method.getCallMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetQuality returns how conversations were scored, each version of the rubric by itself: scores with their
   * distribution, by agent, topic and scorer, coverage, and a series.
   */
  getQuality(request: GetQualityRequest = {}, options?: CallOptions): Promise<GetQualityResponse> {
    return this.#caller.unary<GetQualityResponse>({ method: MetricsService.method.getQuality, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListDimensionValues returns the values of a dimension, the most used first, for people who choose one. */
  listDimensionValues(request: ListDimensionValuesRequest = {}, options?: CallOptions): Promise<ListDimensionValuesResponse> {
    return this.#caller.unary<ListDimensionValuesResponse>({ method: MetricsService.method.listDimensionValues, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetDailyStats returns a row for each calendar day: users first seen and active, conversations, messages, calls,
   * errors, tokens and cost, with the same figures of all days together beside them.
   */
  getDailyStats(request: GetDailyStatsRequest = {}, options?: CallOptions): Promise<GetDailyStatsResponse> {
    return this.#caller.unary<GetDailyStatsResponse>({ method: MetricsService.method.getDailyStats, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetQuota returns how much of its monthly quota of events the organization has used, and how far the quota will
   * reach.
   */
  getQuota(request: GetQuotaRequest = {}, options?: CallOptions): Promise<GetQuotaResponse> {
    return this.#caller.unary<GetQuotaResponse>({ method: MetricsService.method.getQuota, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetRoi returns what AI agents cost and the human work that they spared, over the same conversations: those closed
   * in the period.
   */
  getRoi(request: GetRoiRequest = {}, options?: CallOptions): Promise<GetRoiResponse> {
    return this.#caller.unary<GetRoiResponse>({ method: MetricsService.method.getRoi, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetConversationMetrics returns how the conversations of a period went: outcomes, how long they took, how soon somebody
   * answered, whether resolutions held, by channel, topic, reason of the hand-over and hour of the week, and a series.
   */
  getConversationMetrics(request: GetConversationMetricsRequest = {}, options?: CallOptions): Promise<GetConversationMetricsResponse> {
    return this.#caller.unary<GetConversationMetricsResponse>({ method: MetricsService.method.getConversationMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetCosts returns the recorded cost and tokens of a period: in all, by model, agent, channel, team and user, and per
   * conversation and user; and, apart from that, estimates of what is not recorded.
   */
  getCosts(request: GetCostsRequest = {}, options?: CallOptions): Promise<GetCostsResponse> {
    return this.#caller.unary<GetCostsResponse>({ method: MetricsService.method.getCosts, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListMetrics returns the catalogue: name, unit and definition of every metric, and the dimensions that answers can be
   * narrowed by, alone and in pairs.
   */
  listMetrics(request: ListMetricsRequest = {}, options?: CallOptions): Promise<ListMetricsResponse> {
    return this.#caller.unary<ListMetricsResponse>({ method: MetricsService.method.listMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateOrganization makes an organization, without any key: CreateKey makes its first one. For operators. A name that
   * is taken is refused with ALREADY_EXISTS (ORGANIZATION_EXISTS).
   */
  createOrganization(request: CreateOrganizationRequest = {}, options?: CallOptions): Promise<CreateOrganizationResponse> {
    return this.#caller.unary<CreateOrganizationResponse>({ method: AdminService.method.createOrganization, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** GetOrganization returns an organization with its settings. */
  getOrganization(request: GetOrganizationRequest = {}, options?: CallOptions): Promise<GetOrganizationResponse> {
    return this.#caller.unary<GetOrganizationResponse>({ method: AdminService.method.getOrganization, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListOrganizations returns a page of all organizations, oldest first. For operators. */
  listOrganizations(request: ListOrganizationsRequest = {}, options?: CallOptions): Promise<ListOrganizationsResponse> {
    return this.#caller.unary<ListOrganizationsResponse>({ method: AdminService.method.listOrganizations, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `organizations` of listOrganizations, page after page; `pageSize` says how many are fetched at once. */
  listOrganizationsAll(request: ListOrganizationsRequest = {}, options?: CallOptions): AsyncGenerator<Organization, void, undefined> {
    return this.#caller.pages<Organization>({ method: AdminService.method.listOrganizations, kind: "question", attemptMs: 30_000 }, "organizations", request, options);
  }

  /**
   * UpdateOrganization changes settings. If the etag is not that of now, the call fails with FAILED_PRECONDITION
   * (ETAG_MISMATCH). What the operator limits an organization to (monthly_events, events_per_second, burst_events,
   * weight), and for how long its audit trail is kept, operators alone change (OPERATOR_REQUIRED).
   */
  updateOrganization(request: UpdateOrganizationRequest = {}, options?: CallOptions): Promise<UpdateOrganizationResponse> {
    return this.#caller.unary<UpdateOrganizationResponse>({ method: AdminService.method.updateOrganization, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * SuspendOrganization lets all calls of an organization be refused (TENANT_SUSPENDED) until it is resumed. Its data
   * stays. For operators. An organization that is revoked, which is for good, is refused (ORGANIZATION_REVOKED), and so
   * is one that is to be deleted (ORGANIZATION_DELETING).
   */
  suspendOrganization(request: SuspendOrganizationRequest = {}, options?: CallOptions): Promise<SuspendOrganizationResponse> {
    return this.#caller.unary<SuspendOrganizationResponse>({ method: AdminService.method.suspendOrganization, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ResumeOrganization lets a suspended organization call again, and takes a deletion back until it begins; what was
   * revoked before is revoked again. For operators. It fails for a revoked organization as SuspendOrganization does.
   */
  resumeOrganization(request: ResumeOrganizationRequest = {}, options?: CallOptions): Promise<ResumeOrganizationResponse> {
    return this.#caller.unary<ResumeOrganizationResponse>({ method: AdminService.method.resumeOrganization, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * DeleteOrganization has an organization deleted after a grace, until which ResumeOrganization takes it back. Its calls
   * are refused at once as those of a suspended one (TENANT_SUSPENDED), and workers do nothing more for it. Then all that
   * is kept of it is removed for good, and its name may be given to another organization. For operators. If the etag is
   * not that of now, the call fails with FAILED_PRECONDITION (ETAG_MISMATCH). For an organization that is to be deleted
   * already it changes nothing, not even the time.
   */
  deleteOrganization(request: DeleteOrganizationRequest = {}, options?: CallOptions): Promise<DeleteOrganizationResponse> {
    return this.#caller.unary<DeleteOrganizationResponse>({ method: AdminService.method.deleteOrganization, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetOrganizationDeletion returns how a deletion stands and, once it is done, its receipt. For operators. A deletion
   * that there is not, or that was taken back, is NOT_FOUND (ORGANIZATION_NOT_FOUND).
   */
  getOrganizationDeletion(request: GetOrganizationDeletionRequest = {}, options?: CallOptions): Promise<GetOrganizationDeletionResponse> {
    return this.#caller.unary<GetOrganizationDeletionResponse>({ method: AdminService.method.getOrganizationDeletion, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateKey makes an API key and returns its secret, which is not kept and never shown again. Nobody gives more than
   * they have: scopes that the caller lacks are refused (SCOPE_MISSING), and a caller who is tied to networks makes keys
   * that are tied to these or to parts of them (NETWORK_NOT_ALLOWED). A key that is made with a key that
   * ends, or with a session from it, ends no later (KEY_OUTLIVES_MAKER). An organization has at most 1,000 good keys
   * (KEY_LIMIT).
   */
  createKey(request: CreateKeyRequest = {}, options?: CallOptions): Promise<CreateKeyResponse> {
    return this.#caller.unary<CreateKeyResponse>({ method: AdminService.method.createKey, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListKeys returns a page of an organization's API keys, oldest first, without secrets, sessions and codes. */
  listKeys(request: ListKeysRequest = {}, options?: CallOptions): Promise<ListKeysResponse> {
    return this.#caller.unary<ListKeysResponse>({ method: AdminService.method.listKeys, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `keys` of listKeys, page after page; `pageSize` says how many are fetched at once. */
  listKeysAll(request: ListKeysRequest = {}, options?: CallOptions): AsyncGenerator<ApiKey, void, undefined> {
    return this.#caller.pages<ApiKey>({ method: AdminService.method.listKeys, kind: "question", attemptMs: 30_000 }, "keys", request, options);
  }

  /**
   * RotateKey makes a key that may do what another one may, and ends that one after an overlap. The caller may rotate its
   * own key. It fails as CreateKey does for what the caller may not give, and with NOT_FOUND (KEY_NOT_FOUND) for a key
   * that is not there or is not good any more.
   */
  rotateKey(request: RotateKeyRequest = {}, options?: CallOptions): Promise<RotateKeyResponse> {
    return this.#caller.unary<RotateKeyResponse>({ method: AdminService.method.rotateKey, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * RevokeKey ends a key for good, with all sessions that come from it; to revoke it again changes nothing. The caller may
   * revoke its own key. The last key of an organization with the scope admin is refused with FAILED_PRECONDITION
   * (LAST_ADMIN_KEY) unless an operator asks: another one has to be good for as long as this one.
   */
  revokeKey(request: RevokeKeyRequest = {}, options?: CallOptions): Promise<RevokeKeyResponse> {
    return this.#caller.unary<RevokeKeyResponse>({ method: AdminService.method.revokeKey, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListSessions returns a page of an organization's sessions that are good, the newest first: of everybody, of one subject,
   * or of one key. A session whose member was removed is refused already, and listed until it ends.
   */
  listSessions(request: ListSessionsRequest = {}, options?: CallOptions): Promise<ListSessionsResponse> {
    return this.#caller.unary<ListSessionsResponse>({ method: AdminService.method.listSessions, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `sessions` of listSessions, page after page; `pageSize` says how many are fetched at once. */
  listSessionsAll(request: ListSessionsRequest = {}, options?: CallOptions): AsyncGenerator<SignedInSession, void, undefined> {
    return this.#caller.pages<SignedInSession>({ method: AdminService.method.listSessions, kind: "question", attemptMs: 30_000 }, "sessions", request, options);
  }

  /**
   * RevokeSession ends a session for good; servers refuse it within 10 seconds, and its streams end. To revoke it again
   * changes nothing. One that the organization does not have, or that ended over an hour ago and is not kept any more, is
   * NOT_FOUND (SESSION_NOT_FOUND). Whoever holds the key or an account at the identity provider may sign in again: revoke
   * the key, or remove the member.
   */
  revokeSession(request: RevokeSessionRequest = {}, options?: CallOptions): Promise<RevokeSessionResponse> {
    return this.#caller.unary<RevokeSessionResponse>({ method: AdminService.method.revokeSession, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListRoles returns all roles of an organization: those that every organization has, and its own by name. */
  listRoles(request: ListRolesRequest = {}, options?: CallOptions): Promise<ListRolesResponse> {
    return this.#caller.unary<ListRolesResponse>({ method: AdminService.method.listRoles, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * PutRole makes a role, or changes the one of its name. Members have its scopes within 10 seconds; keys keep those that
   * they were made with. Built-in roles do not change (INVALID_VALUE); an organization has at most 50 of its own
   * (ROLE_LIMIT); scopes that the caller lacks are refused (SCOPE_MISSING).
   */
  putRole(request: PutRoleRequest = {}, options?: CallOptions): Promise<PutRoleResponse> {
    return this.#caller.unary<PutRoleResponse>({ method: AdminService.method.putRole, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * DeleteRole deletes a role of the organization. One that members have is refused with FAILED_PRECONDITION
   * (ROLE_IN_USE), and a name that is none with NOT_FOUND (ROLE_NOT_FOUND).
   */
  deleteRole(request: DeleteRoleRequest = {}, options?: CallOptions): Promise<DeleteRoleResponse> {
    return this.#caller.unary<DeleteRoleResponse>({ method: AdminService.method.deleteRole, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListMembers returns a page of an organization's members, by subject. */
  listMembers(request: ListMembersRequest = {}, options?: CallOptions): Promise<ListMembersResponse> {
    return this.#caller.unary<ListMembersResponse>({ method: AdminService.method.listMembers, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `members` of listMembers, page after page; `pageSize` says how many are fetched at once. */
  listMembersAll(request: ListMembersRequest = {}, options?: CallOptions): AsyncGenerator<Member, void, undefined> {
    return this.#caller.pages<Member>({ method: AdminService.method.listMembers, kind: "question", attemptMs: 30_000 }, "members", request, options);
  }

  /** GetMember returns a member. If there is none of this subject, the call fails with NOT_FOUND (MEMBER_NOT_FOUND). */
  getMember(request: GetMemberRequest = {}, options?: CallOptions): Promise<GetMemberResponse> {
    return this.#caller.unary<GetMemberResponse>({ method: AdminService.method.getMember, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * PutMember makes a member, or changes the one of its subject. The role must be there (ROLE_NOT_FOUND), with scopes that
   * the caller has (SCOPE_MISSING); an organization has at most 10,000 members (MEMBER_LIMIT).
   */
  putMember(request: PutMemberRequest = {}, options?: CallOptions): Promise<PutMemberResponse> {
    return this.#caller.unary<PutMemberResponse>({ method: AdminService.method.putMember, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * RemoveMember removes a member. If there is none of this subject, the call fails with NOT_FOUND (MEMBER_NOT_FOUND).
   */
  removeMember(request: RemoveMemberRequest = {}, options?: CallOptions): Promise<RemoveMemberResponse> {
    return this.#caller.unary<RemoveMemberResponse>({ method: AdminService.method.removeMember, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListTasks returns a page of what is to be done or was done by workers, newest first: an organization's own tasks; to
   * an operator who names no organization, all of them. Finished and cancelled ones are kept for a day, dead ones for seven
   * days.
   */
  listTasks(request: ListTasksRequest = {}, options?: CallOptions): Promise<ListTasksResponse> {
    return this.#caller.unary<ListTasksResponse>({ method: AdminService.method.listTasks, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `tasks` of listTasks, page after page; `pageSize` says how many are fetched at once. */
  listTasksAll(request: ListTasksRequest = {}, options?: CallOptions): AsyncGenerator<WorkTask, void, undefined> {
    return this.#caller.pages<WorkTask>({ method: AdminService.method.listTasks, kind: "question", attemptMs: 30_000 }, "tasks", request, options);
  }

  /**
   * RetryTask queues a dead or cancelled task again, with all its tries. One in another state, or whose like is under way,
   * is refused with FAILED_PRECONDITION (TASK_STATE); one that is not there with NOT_FOUND (TASK_NOT_FOUND).
   */
  retryTask(request: RetryTaskRequest = {}, options?: CallOptions): Promise<RetryTaskResponse> {
    return this.#caller.unary<RetryTaskResponse>({ method: AdminService.method.retryTask, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * CancelTask cancels a task that is queued, and asks the worker of one that is running to end it, which takes seconds.
   * One that is done or dead is refused with FAILED_PRECONDITION (TASK_STATE). To cancel it again changes nothing.
   */
  cancelTask(request: CancelTaskRequest = {}, options?: CallOptions): Promise<CancelTaskResponse> {
    return this.#caller.unary<CancelTaskResponse>({ method: AdminService.method.cancelTask, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListSchedules returns a page of what is done again and again: an organization's own schedules; to an operator who
   * names no organization, those of the service and of all organizations.
   */
  listSchedules(request: ListSchedulesRequest = {}, options?: CallOptions): Promise<ListSchedulesResponse> {
    return this.#caller.unary<ListSchedulesResponse>({ method: AdminService.method.listSchedules, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `schedules` of listSchedules, page after page; `pageSize` says how many are fetched at once. */
  listSchedulesAll(request: ListSchedulesRequest = {}, options?: CallOptions): AsyncGenerator<WorkSchedule, void, undefined> {
    return this.#caller.pages<WorkSchedule>({ method: AdminService.method.listSchedules, kind: "question", attemptMs: 30_000 }, "schedules", request, options);
  }

  /**
   * RunSchedule queues a run now, beside those of the schedule's periods, and returns its task: the one that is queued
   * or running where somebody has asked before. Schedules of reports are run by ReportService.RunReportSchedule
   * (INVALID_VALUE). A schedule that is not there is refused with NOT_FOUND (SCHEDULE_NOT_FOUND).
   */
  runSchedule(request: RunScheduleRequest = {}, options?: CallOptions): Promise<RunScheduleResponse> {
    return this.#caller.unary<RunScheduleResponse>({ method: AdminService.method.runSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * PauseSchedule keeps a schedule from running. Tasks that are queued already still run. What an operator has paused, the
   * organization cannot resume. It fails as RunSchedule does for a schedule that is not there.
   */
  pauseSchedule(request: PauseScheduleRequest = {}, options?: CallOptions): Promise<PauseScheduleResponse> {
    return this.#caller.unary<PauseScheduleResponse>({ method: AdminService.method.pauseSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ResumeSchedule lets a schedule go on: an operator what operators have paused, an organization what it has paused
   * itself. What was due meanwhile is caught up as after an outage.
   */
  resumeSchedule(request: ResumeScheduleRequest = {}, options?: CallOptions): Promise<ResumeScheduleResponse> {
    return this.#caller.unary<ResumeScheduleResponse>({ method: AdminService.method.resumeSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetUsage returns what an organization uses: events of this month with the quota, and the storage that events tell of.
   */
  getUsage(request: GetUsageRequest = {}, options?: CallOptions): Promise<GetUsageResponse> {
    return this.#caller.unary<GetUsageResponse>({ method: AdminService.method.getUsage, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListUsage returns a page of what all organizations use, oldest organizations first, without storage. For operators.
   */
  listUsage(request: ListUsageRequest = {}, options?: CallOptions): Promise<ListUsageResponse> {
    return this.#caller.unary<ListUsageResponse>({ method: AdminService.method.listUsage, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `usages` of listUsage, page after page; `pageSize` says how many are fetched at once. */
  listUsageAll(request: ListUsageRequest = {}, options?: CallOptions): AsyncGenerator<OrganizationUsage, void, undefined> {
    return this.#caller.pages<OrganizationUsage>({ method: AdminService.method.listUsage, kind: "question", attemptMs: 30_000 }, "usages", request, options);
  }

  /**
   * CreateAlertRule stores a rule, which is looked at from its next step on. The call fails with RESOURCE_EXHAUSTED
   * (ALERT_RULE_LIMIT) if the organization has 500 rules.
   */
  createAlertRule(request: CreateAlertRuleRequest = {}, options?: CallOptions): Promise<CreateAlertRuleResponse> {
    return this.#caller.unary<CreateAlertRuleResponse>({ method: AlertService.method.createAlertRule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetAlertRule returns a rule with its states. If there is none of this id, the call fails with NOT_FOUND
   * (ALERT_RULE_NOT_FOUND).
   */
  getAlertRule(request: GetAlertRuleRequest = {}, options?: CallOptions): Promise<GetAlertRuleResponse> {
    return this.#caller.unary<GetAlertRuleResponse>({ method: AlertService.method.getAlertRule, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListAlertRules returns all rules with their states, by name. */
  listAlertRules(request: ListAlertRulesRequest = {}, options?: CallOptions): Promise<ListAlertRulesResponse> {
    return this.#caller.unary<ListAlertRulesResponse>({ method: AlertService.method.listAlertRules, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * UpdateAlertRule stores a rule as a whole. If the etag is not its newest one, the call fails with FAILED_PRECONDITION
   * (ETAG_MISMATCH). If it asks something else from now on, its open incidents end and its states begin anew.
   */
  updateAlertRule(request: UpdateAlertRuleRequest = {}, options?: CallOptions): Promise<UpdateAlertRuleResponse> {
    return this.#caller.unary<UpdateAlertRuleResponse>({ method: AlertService.method.updateAlertRule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** DeleteAlertRule deletes a rule, and ends its incidents. They stay on record. */
  deleteAlertRule(request: DeleteAlertRuleRequest = {}, options?: CallOptions): Promise<DeleteAlertRuleResponse> {
    return this.#caller.unary<DeleteAlertRuleResponse>({ method: AlertService.method.deleteAlertRule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * SnoozeAlertRule keeps a rule from telling anybody until an instant, or lets it tell again. It goes on looking. What
   * still holds when the time is over is told then.
   */
  snoozeAlertRule(request: SnoozeAlertRuleRequest = {}, options?: CallOptions): Promise<SnoozeAlertRuleResponse> {
    return this.#caller.unary<SnoozeAlertRuleResponse>({ method: AlertService.method.snoozeAlertRule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** TestAlertRule looks at a rule now, stored or not, and stores and tells nothing. */
  testAlertRule(request: TestAlertRuleRequest = {}, options?: CallOptions): Promise<TestAlertRuleResponse> {
    return this.#caller.unary<TestAlertRuleResponse>({ method: AlertService.method.testAlertRule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * BacktestAlertRule returns the incidents that a rule, stored or not, would have had in a period: those that looking
   * at it all the time would have found, had each event come when it occurred. It stores and tells nothing. The call
   * fails with FAILED_PRECONDITION (RAW_EVENTS_GONE or TOO_MANY_RAW_EVENTS) where windows within quarter hours cannot be
   * counted, and with INVALID_ARGUMENT (TOO_MANY_POINTS) for more than 30,000 windows (400 with forecasts).
   */
  backtestAlertRule(request: BacktestAlertRuleRequest = {}, options?: CallOptions): Promise<BacktestAlertRuleResponse> {
    return this.#caller.unary<BacktestAlertRuleResponse>({ method: AlertService.method.backtestAlertRule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListIncidents returns a page of incidents, newest first. */
  listIncidents(request: ListIncidentsRequest = {}, options?: CallOptions): Promise<ListIncidentsResponse> {
    return this.#caller.unary<ListIncidentsResponse>({ method: AlertService.method.listIncidents, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `incidents` of listIncidents, page after page; `pageSize` says how many are fetched at once. */
  listIncidentsAll(request: ListIncidentsRequest = {}, options?: CallOptions): AsyncGenerator<Incident, void, undefined> {
    return this.#caller.pages<Incident>({ method: AlertService.method.listIncidents, kind: "question", attemptMs: 30_000 }, "incidents", request, options);
  }

  /**
   * GetIncident returns an incident with all that has happened to it. If there is none of this id, the call fails with
   * NOT_FOUND (INCIDENT_NOT_FOUND).
   */
  getIncident(request: GetIncidentRequest = {}, options?: CallOptions): Promise<GetIncidentResponse> {
    return this.#caller.unary<GetIncidentResponse>({ method: AlertService.method.getIncident, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * AcknowledgeIncident says that somebody is at work on an incident: nobody is reminded of it any more. What changes is
   * still told. One that was acknowledged before stays as it was.
   */
  acknowledgeIncident(request: AcknowledgeIncidentRequest = {}, options?: CallOptions): Promise<AcknowledgeIncidentResponse> {
    return this.#caller.unary<AcknowledgeIncidentResponse>({ method: AlertService.method.acknowledgeIncident, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** CommentIncident adds a line to what has happened to an incident. */
  commentIncident(request: CommentIncidentRequest = {}, options?: CallOptions): Promise<CommentIncidentResponse> {
    return this.#caller.unary<CommentIncidentResponse>({ method: AlertService.method.commentIncident, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * WatchAlerts sends how many states are what, and the open incidents: at once, whenever they change, and every 15
   * seconds. States between two messages may be left out; the newest one is always sent.
   */
  watchAlerts(request: WatchAlertsRequest = {}, options?: StreamOptions): AsyncGenerator<WatchAlertsResponse, void, undefined> {
    return this.#caller.serverStream<WatchAlertsResponse>({ method: AlertService.method.watchAlerts, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListAnomalies returns the buckets of series that are unusual beside what came before them: beside the same hour of
   * the week where there are three weeks of history, beside the same hour of working days or weekends with less of it,
   * and beside the same day of the week where buckets are days. A growing metric is compared at its present level. Of
   * small counts and fractions chance is taken into account, and of series that are often unusual that they are. A
   * bucket that is still running, or that the period cuts, is not judged.
   */
  listAnomalies(request: ListAnomaliesRequest = {}, options?: CallOptions): Promise<ListAnomaliesResponse> {
    return this.#caller.unary<ListAnomaliesResponse>({ method: AnomalyService.method.listAnomalies, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListChanges returns what metrics have changed by beside an earlier period, and what each value of dimensions has
   * contributed. Contributions add up: those of the rows, of rest and of other are the change. Of a ratio each is split
   * exactly into the effect of the mix (more or less of the value) and the effect of the rate (the value's own ratio).
   * Distinct counts and percentiles are not sums over values and are refused (METRIC_NOT_ADDITIVE).
   */
  listChanges(request: ListChangesRequest = {}, options?: CallOptions): Promise<ListChangesResponse> {
    return this.#caller.unary<ListChangesResponse>({ method: AnomalyService.method.listChanges, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * VerifyMetrics counts the raw events of a period again and compares every stored figure with them: rollups, what is
   * not folded yet, recorded conversations, leads, agents, users and content gaps, and the realtime figures of the last
   * hour. It sends progress while it works and its result as the last message. It works in windows, each of one instant,
   * and gives way to other questions. One verification or repair of an organization is under way at a time on a server (QUERY_CONCURRENCY).
   */
  verifyMetrics(request: VerifyMetricsRequest = {}, options?: StreamOptions): AsyncGenerator<VerifyMetricsResponse, void, undefined> {
    return this.#caller.serverStream<VerifyMetricsResponse>({ method: AuditService.method.verifyMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * RepairMetrics mends what VerifyMetrics finds in figures, window by window: what is wrong is taken out and what is
   * right put in, in a revision of its own, as raw events say; figures whose raw events are gone stay as they are. Each
   * window that was mended is in the audit trail. A repair that was ended in the middle is simply begun again, and one
   * of what is right changes nothing. Subscribers get what it changes as updates.
   */
  repairMetrics(request: RepairMetricsRequest = {}, options?: StreamOptions): AsyncGenerator<RepairMetricsResponse, void, undefined> {
    return this.#caller.serverStream<RepairMetricsResponse>({ method: AuditService.method.repairMetrics, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListAuditEntries returns a page of the organization's audit trail, the newest entries first. */
  listAuditEntries(request: ListAuditEntriesRequest = {}, options?: CallOptions): Promise<ListAuditEntriesResponse> {
    return this.#caller.unary<ListAuditEntriesResponse>({ method: AuditService.method.listAuditEntries, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `entries` of listAuditEntries, page after page; `pageSize` says how many are fetched at once. */
  listAuditEntriesAll(request: ListAuditEntriesRequest = {}, options?: CallOptions): AsyncGenerator<AuditEntry, void, undefined> {
    return this.#caller.pages<AuditEntry>({ method: AuditService.method.listAuditEntries, kind: "question", attemptMs: 30_000 }, "entries", request, options);
  }

  /** ListCampaigns returns a page of the campaigns that any event of a period belongs to, ordered by a figure. */
  listCampaigns(request: ListCampaignsRequest = {}, options?: CallOptions): Promise<ListCampaignsResponse> {
    return this.#caller.unary<ListCampaignsResponse>({ method: CampaignService.method.listCampaigns, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `campaigns` of listCampaigns, page after page; `pageSize` says how many are fetched at once. */
  listCampaignsAll(request: ListCampaignsRequest = {}, options?: CallOptions): AsyncGenerator<Campaign, void, undefined> {
    return this.#caller.pages<Campaign>({ method: CampaignService.method.listCampaigns, kind: "question", attemptMs: 30_000 }, "campaigns", request, options);
  }

  /**
   * GetCampaign returns the figures of one campaign, and a series of them. One that no event has ever carried is refused
   * (CAMPAIGN_NOT_FOUND).
   */
  getCampaign(request: GetCampaignRequest = {}, options?: CallOptions): Promise<GetCampaignResponse> {
    return this.#caller.unary<GetCampaignResponse>({ method: CampaignService.method.getCampaign, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateCustomMetric defines a metric. The call fails with ALREADY_EXISTS (CUSTOM_METRIC_EXISTS) if the organization
   * has one of this name, and with RESOURCE_EXHAUSTED (CUSTOM_METRIC_LIMIT) if it has 100. A definition never changes:
   * to change one, delete it and define it again.
   */
  createCustomMetric(request: CreateCustomMetricRequest = {}, options?: CallOptions): Promise<CreateCustomMetricResponse> {
    return this.#caller.unary<CreateCustomMetricResponse>({ method: CustomMetricService.method.createCustomMetric, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetCustomMetric returns one metric and how far it is counted. If there is none of this name, the call fails with
   * NOT_FOUND (CUSTOM_METRIC_NOT_FOUND).
   */
  getCustomMetric(request: GetCustomMetricRequest = {}, options?: CallOptions): Promise<GetCustomMetricResponse> {
    return this.#caller.unary<GetCustomMetricResponse>({ method: CustomMetricService.method.getCustomMetric, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListCustomMetrics returns all of the organization's metrics, by name. */
  listCustomMetrics(request: ListCustomMetricsRequest = {}, options?: CallOptions): Promise<ListCustomMetricsResponse> {
    return this.#caller.unary<ListCustomMetricsResponse>({ method: CustomMetricService.method.listCustomMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * DeleteCustomMetric deletes a metric and what was counted for it. A metric that is defined later with the same name
   * is another one. If there is none of this name, the call fails with NOT_FOUND (CUSTOM_METRIC_NOT_FOUND).
   */
  deleteCustomMetric(request: DeleteCustomMetricRequest = {}, options?: CallOptions): Promise<DeleteCustomMetricResponse> {
    return this.#caller.unary<DeleteCustomMetricResponse>({ method: CustomMetricService.method.deleteCustomMetric, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateFunnel saves a funnel. The call fails with ALREADY_EXISTS (FUNNEL_EXISTS) if the organization has one of this
   * name, and with RESOURCE_EXHAUSTED (FUNNEL_LIMIT) if it has 100. A saved funnel never changes: to change one, delete
   * it and save it again.
   */
  createFunnel(request: CreateFunnelRequest = {}, options?: CallOptions): Promise<CreateFunnelResponse> {
    return this.#caller.unary<CreateFunnelResponse>({ method: FunnelService.method.createFunnel, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetFunnel returns a saved funnel. If there is none of this name, the call fails with NOT_FOUND (FUNNEL_NOT_FOUND).
   */
  getFunnel(request: GetFunnelRequest = {}, options?: CallOptions): Promise<GetFunnelResponse> {
    return this.#caller.unary<GetFunnelResponse>({ method: FunnelService.method.getFunnel, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListFunnels returns all of the organization's saved funnels, by name. */
  listFunnels(request: ListFunnelsRequest = {}, options?: CallOptions): Promise<ListFunnelsResponse> {
    return this.#caller.unary<ListFunnelsResponse>({ method: FunnelService.method.listFunnels, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * DeleteFunnel deletes a saved funnel. If there is none of this name, the call fails with NOT_FOUND
   * (FUNNEL_NOT_FOUND).
   */
  deleteFunnel(request: DeleteFunnelRequest = {}, options?: CallOptions): Promise<DeleteFunnelResponse> {
    return this.#caller.unary<DeleteFunnelResponse>({ method: FunnelService.method.deleteFunnel, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * QueryFunnel returns the figures of a funnel, a saved one or one that the request defines. Funnels of leads through
   * stages and outcomes are read from what is kept of each lead. All others are counted from raw events: where these are
   * gone the call fails with FAILED_PRECONDITION (RAW_EVENTS_GONE), and where the organization has more than 1,000,000
   * events of any type from the start of the period to the end of the last window, with TOO_MANY_RAW_EVENTS.
   */
  queryFunnel(request: QueryFunnelRequest = {}, options?: CallOptions): Promise<QueryFunnelResponse> {
    return this.#caller.unary<QueryFunnelResponse>({ method: FunnelService.method.queryFunnel, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetLeaderboard returns the agents or teams with the most points, badges, tasks, calls or conversions in a period.
   */
  getLeaderboard(request: GetLeaderboardRequest = {}, options?: CallOptions): Promise<GetLeaderboardResponse> {
    return this.#caller.unary<GetLeaderboardResponse>({ method: LeaderboardService.method.getLeaderboard, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetRealtimeMetrics returns the figures of the last minutes, of the organization or a part of it. The answer may be
   * up to 2 seconds old; as_of_revision says what is in it.
   */
  getRealtimeMetrics(request: GetRealtimeMetricsRequest = {}, options?: CallOptions): Promise<GetRealtimeMetricsResponse> {
    return this.#caller.unary<GetRealtimeMetricsResponse>({ method: RealtimeService.method.getRealtimeMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateDashboard stores a new dashboard. The call fails with RESOURCE_EXHAUSTED (DASHBOARD_LIMIT) if the subject has
   * 100 personal dashboards, or the organization 500 shared ones.
   */
  createDashboard(request: CreateDashboardRequest = {}, options?: CallOptions): Promise<CreateDashboardResponse> {
    return this.#caller.unary<CreateDashboardResponse>({ method: DashboardService.method.createDashboard, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetDashboard returns a dashboard, as it is or as an earlier version was. If there is none of this id that the caller
   * may see, or no longer that version, the call fails with NOT_FOUND (DASHBOARD_NOT_FOUND).
   */
  getDashboard(request: GetDashboardRequest = {}, options?: CallOptions): Promise<GetDashboardResponse> {
    return this.#caller.unary<GetDashboardResponse>({ method: DashboardService.method.getDashboard, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListDashboards returns all dashboards that the caller may see, without their tiles: by title. */
  listDashboards(request: ListDashboardsRequest = {}, options?: CallOptions): Promise<ListDashboardsResponse> {
    return this.#caller.unary<ListDashboardsResponse>({ method: DashboardService.method.listDashboards, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * UpdateDashboard stores a new version of a dashboard, as a whole. If the etag is not that of the newest version, the
   * call fails with FAILED_PRECONDITION (ETAG_MISMATCH), so that nobody overwrites what somebody else has changed.
   */
  updateDashboard(request: UpdateDashboardRequest = {}, options?: CallOptions): Promise<UpdateDashboardResponse> {
    return this.#caller.unary<UpdateDashboardResponse>({ method: DashboardService.method.updateDashboard, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** DeleteDashboard deletes a dashboard with all its versions. */
  deleteDashboard(request: DeleteDashboardRequest = {}, options?: CallOptions): Promise<DeleteDashboardResponse> {
    return this.#caller.unary<DeleteDashboardResponse>({ method: DashboardService.method.deleteDashboard, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * DuplicateDashboard stores a copy of a dashboard that the caller may see, as a new one that belongs to the caller.
   */
  duplicateDashboard(request: DuplicateDashboardRequest = {}, options?: CallOptions): Promise<DuplicateDashboardResponse> {
    return this.#caller.unary<DuplicateDashboardResponse>({ method: DashboardService.method.duplicateDashboard, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListDashboardVersions returns the versions of a dashboard, newest first: the newest 50 are kept. To go back to one,
   * get it and store it again.
   */
  listDashboardVersions(request: ListDashboardVersionsRequest = {}, options?: CallOptions): Promise<ListDashboardVersionsResponse> {
    return this.#caller.unary<ListDashboardVersionsResponse>({ method: DashboardService.method.listDashboardVersions, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListDashboardTemplates returns dashboards to begin with. To use one, create it. */
  listDashboardTemplates(request: ListDashboardTemplatesRequest = {}, options?: CallOptions): Promise<ListDashboardTemplatesResponse> {
    return this.#caller.unary<ListDashboardTemplatesResponse>({ method: DashboardService.method.listDashboardTemplates, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateDestination stores a destination. That of a webhook answers with its secret, which is shown only then. The call
   * fails with RESOURCE_EXHAUSTED (DESTINATION_LIMIT) if the organization has 100 destinations, and with
   * FAILED_PRECONDITION (CHANNEL_NOT_SET_UP) if this deployment has no mail server, or no such object store.
   */
  createDestination(request: CreateDestinationRequest = {}, options?: CallOptions): Promise<CreateDestinationResponse> {
    return this.#caller.unary<CreateDestinationResponse>({ method: DeliveryService.method.createDestination, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetDestination returns a destination. If there is none of this id, the call fails with NOT_FOUND
   * (DESTINATION_NOT_FOUND).
   */
  getDestination(request: GetDestinationRequest = {}, options?: CallOptions): Promise<GetDestinationResponse> {
    return this.#caller.unary<GetDestinationResponse>({ method: DeliveryService.method.getDestination, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListDestinations returns all destinations, by name. */
  listDestinations(request: ListDestinationsRequest = {}, options?: CallOptions): Promise<ListDestinationsResponse> {
    return this.#caller.unary<ListDestinationsResponse>({ method: DeliveryService.method.listDestinations, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * UpdateDestination stores a destination as a whole. If the etag is not its newest one, the call fails with
   * FAILED_PRECONDITION (ETAG_MISMATCH). Where it is not paused any more, what was held is sent.
   */
  updateDestination(request: UpdateDestinationRequest = {}, options?: CallOptions): Promise<UpdateDestinationResponse> {
    return this.#caller.unary<UpdateDestinationResponse>({ method: DeliveryService.method.updateDestination, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** DeleteDestination deletes a destination, and cancels what is queued for it. What was sent stays on record. */
  deleteDestination(request: DeleteDestinationRequest = {}, options?: CallOptions): Promise<DeleteDestinationResponse> {
    return this.#caller.unary<DeleteDestinationResponse>({ method: DeliveryService.method.deleteDestination, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * TestDestination sends a test message, also to a destination that is paused. The answer names its deliveries. The call
   * fails with RESOURCE_EXHAUSTED (TEST_RATE) if the organization has sent 30 of them in a minute.
   */
  testDestination(request: TestDestinationRequest = {}, options?: CallOptions): Promise<TestDestinationResponse> {
    return this.#caller.unary<TestDestinationResponse>({ method: DeliveryService.method.testDestination, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * RotateSecret gives a webhook another secret, which is shown only now. Until the overlap is over messages carry two
   * signatures, by the new secret and by the old one.
   */
  rotateSecret(request: RotateSecretRequest = {}, options?: CallOptions): Promise<RotateSecretResponse> {
    return this.#caller.unary<RotateSecretResponse>({ method: DeliveryService.method.rotateSecret, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListDeliveries returns a page of deliveries, newest first. */
  listDeliveries(request: ListDeliveriesRequest = {}, options?: CallOptions): Promise<ListDeliveriesResponse> {
    return this.#caller.unary<ListDeliveriesResponse>({ method: DeliveryService.method.listDeliveries, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `deliveries` of listDeliveries, page after page; `pageSize` says how many are fetched at once. */
  listDeliveriesAll(request: ListDeliveriesRequest = {}, options?: CallOptions): AsyncGenerator<Delivery, void, undefined> {
    return this.#caller.pages<Delivery>({ method: DeliveryService.method.listDeliveries, kind: "question", attemptMs: 30_000 }, "deliveries", request, options);
  }

  /**
   * GetDelivery returns a delivery with every try. If there is none of this id, or none any more, the call fails with
   * NOT_FOUND (DELIVERY_NOT_FOUND).
   */
  getDelivery(request: GetDeliveryRequest = {}, options?: CallOptions): Promise<GetDeliveryResponse> {
    return this.#caller.unary<GetDeliveryResponse>({ method: DeliveryService.method.getDelivery, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ResendDelivery sends again what was delivered, given up or cancelled, with all its tries and under another id for the
   * receiver. One that is still under way fails with FAILED_PRECONDITION (DELIVERY_UNDER_WAY).
   */
  resendDelivery(request: ResendDeliveryRequest = {}, options?: CallOptions): Promise<ResendDeliveryResponse> {
    return this.#caller.unary<ResendDeliveryResponse>({ method: DeliveryService.method.resendDelivery, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateDownloadLink returns a link to a file of a delivery. It opens the file for whoever has it, until it expires.
   */
  createDownloadLink(request: CreateDownloadLinkRequest = {}, options?: CallOptions): Promise<CreateDownloadLinkResponse> {
    return this.#caller.unary<CreateDownloadLinkResponse>({ method: DeliveryService.method.createDownloadLink, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ReadDownload returns a part of the file that a link opens. It needs no key: the link is the credential. One that is
   * damaged, has expired or was revoked fails with NOT_FOUND (LINK_INVALID).
   */
  readDownload(request: ReadDownloadRequest = {}, options?: CallOptions): Promise<ReadDownloadResponse> {
    return this.#caller.unary<ReadDownloadResponse>({ method: DeliveryService.method.readDownload, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ChangeMailSubscription says that a recipient wants no more mail of the organization, or does so again. It needs no
   * key: the link from a mail is the credential.
   */
  changeMailSubscription(request: ChangeMailSubscriptionRequest = {}, options?: CallOptions): Promise<ChangeMailSubscriptionResponse> {
    return this.#caller.unary<ChangeMailSubscriptionResponse>({ method: DeliveryService.method.changeMailSubscription, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListAgents returns a page of the organization's agents. */
  listAgents(request: ListAgentsRequest = {}, options?: CallOptions): Promise<ListAgentsResponse> {
    return this.#caller.unary<ListAgentsResponse>({ method: DirectoryService.method.listAgents, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `agents` of listAgents, page after page; `pageSize` says how many are fetched at once. */
  listAgentsAll(request: ListAgentsRequest = {}, options?: CallOptions): AsyncGenerator<Agent, void, undefined> {
    return this.#caller.pages<Agent>({ method: DirectoryService.method.listAgents, kind: "question", attemptMs: 30_000 }, "agents", request, options);
  }

  /** GetAgent returns one agent. One that no event has ever carried is refused (AGENT_NOT_FOUND). */
  getAgent(request: GetAgentRequest = {}, options?: CallOptions): Promise<GetAgentResponse> {
    return this.#caller.unary<GetAgentResponse>({ method: DirectoryService.method.getAgent, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListContentGaps returns a page of content gaps: topics of questions that the knowledge did not answer. It needs the
   * scope events.
   */
  listContentGaps(request: ListContentGapsRequest = {}, options?: CallOptions): Promise<ListContentGapsResponse> {
    return this.#caller.unary<ListContentGapsResponse>({ method: DirectoryService.method.listContentGaps, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `contentGaps` of listContentGaps, page after page; `pageSize` says how many are fetched at once. */
  listContentGapsAll(request: ListContentGapsRequest = {}, options?: CallOptions): AsyncGenerator<ContentGap, void, undefined> {
    return this.#caller.pages<ContentGap>({ method: DirectoryService.method.listContentGaps, kind: "question", attemptMs: 30_000 }, "contentGaps", request, options);
  }

  /**
   * GetContentGap returns one content gap, and its trend in a period. One that was never found is refused
   * (CONTENT_GAP_NOT_FOUND). It needs the scope events.
   */
  getContentGap(request: GetContentGapRequest = {}, options?: CallOptions): Promise<GetContentGapResponse> {
    return this.#caller.unary<GetContentGapResponse>({ method: DirectoryService.method.getContentGap, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * UpdateContentGap sets the status and the note of a content gap, which is recorded in the audit trail. It needs the
   * scope admin.
   */
  updateContentGap(request: UpdateContentGapRequest = {}, options?: CallOptions): Promise<UpdateContentGapResponse> {
    return this.#caller.unary<UpdateContentGapResponse>({ method: DirectoryService.method.updateContentGap, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * MergeContentGaps lets a topic count for another one: what was found of it, and what comes in later. It is recorded in
   * the audit trail and needs the scope admin.
   */
  mergeContentGaps(request: MergeContentGapsRequest = {}, options?: CallOptions): Promise<MergeContentGapsResponse> {
    return this.#caller.unary<MergeContentGapsResponse>({ method: DirectoryService.method.mergeContentGaps, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * UndoContentGapMerge lets a merged topic count for itself again, as if it had never been merged. It is recorded in the
   * audit trail and needs the scope admin.
   */
  undoContentGapMerge(request: UndoContentGapMergeRequest = {}, options?: CallOptions): Promise<UndoContentGapMergeResponse> {
    return this.#caller.unary<UndoContentGapMergeResponse>({ method: DirectoryService.method.undoContentGapMerge, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListConversations returns a page of conversations. */
  listConversations(request: ListConversationsRequest = {}, options?: CallOptions): Promise<ListConversationsResponse> {
    return this.#caller.unary<ListConversationsResponse>({ method: DirectoryService.method.listConversations, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `conversations` of listConversations, page after page; `pageSize` says how many are fetched at once. */
  listConversationsAll(request: ListConversationsRequest = {}, options?: CallOptions): AsyncGenerator<Conversation, void, undefined> {
    return this.#caller.pages<Conversation>({ method: DirectoryService.method.listConversations, kind: "question", attemptMs: 30_000 }, "conversations", request, options);
  }

  /**
   * GetConversation returns one conversation and its events. One that no event has ever carried is refused
   * (CONVERSATION_NOT_FOUND).
   */
  getConversation(request: GetConversationRequest = {}, options?: CallOptions): Promise<GetConversationResponse> {
    return this.#caller.unary<GetConversationResponse>({ method: DirectoryService.method.getConversation, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `timeline` of getConversation, page after page; `pageSize` says how many are fetched at once. */
  getConversationTimeline(request: GetConversationRequest = {}, options?: CallOptions): AsyncGenerator<TimelineEvent, void, undefined> {
    return this.#caller.pages<TimelineEvent>({ method: DirectoryService.method.getConversation, kind: "question", attemptMs: 30_000 }, "timeline", request, options);
  }

  /** ListLeads returns a page of the organization's leads. It needs the scope events. */
  listLeads(request: ListLeadsRequest = {}, options?: CallOptions): Promise<ListLeadsResponse> {
    return this.#caller.unary<ListLeadsResponse>({ method: DirectoryService.method.listLeads, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `leads` of listLeads, page after page; `pageSize` says how many are fetched at once. */
  listLeadsAll(request: ListLeadsRequest = {}, options?: CallOptions): AsyncGenerator<Lead, void, undefined> {
    return this.#caller.pages<Lead>({ method: DirectoryService.method.listLeads, kind: "question", attemptMs: 30_000 }, "leads", request, options);
  }

  /**
   * GetLead returns one lead and its steps. One that no event of a lead names is refused (LEAD_NOT_FOUND). It needs the
   * scope events.
   */
  getLead(request: GetLeadRequest = {}, options?: CallOptions): Promise<GetLeadResponse> {
    return this.#caller.unary<GetLeadResponse>({ method: DirectoryService.method.getLead, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListUsers returns a page of the organization's users. */
  listUsers(request: ListUsersRequest = {}, options?: CallOptions): Promise<ListUsersResponse> {
    return this.#caller.unary<ListUsersResponse>({ method: DirectoryService.method.listUsers, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `users` of listUsers, page after page; `pageSize` says how many are fetched at once. */
  listUsersAll(request: ListUsersRequest = {}, options?: CallOptions): AsyncGenerator<User, void, undefined> {
    return this.#caller.pages<User>({ method: DirectoryService.method.listUsers, kind: "question", attemptMs: 30_000 }, "users", request, options);
  }

  /** GetUser returns one user. One that no event has ever carried is refused (USER_NOT_FOUND). */
  getUser(request: GetUserRequest = {}, options?: CallOptions): Promise<GetUserResponse> {
    return this.#caller.unary<GetUserResponse>({ method: DirectoryService.method.getUser, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListUserActivities returns a page of the events of one user. One that no event has ever carried is refused
   * (USER_NOT_FOUND).
   */
  listUserActivities(request: ListUserActivitiesRequest = {}, options?: CallOptions): Promise<ListUserActivitiesResponse> {
    return this.#caller.unary<ListUserActivitiesResponse>({ method: DirectoryService.method.listUserActivities, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `activities` of listUserActivities, page after page; `pageSize` says how many are fetched at once. */
  listUserActivitiesAll(request: ListUserActivitiesRequest = {}, options?: CallOptions): AsyncGenerator<UserActivity, void, undefined> {
    return this.#caller.pages<UserActivity>({ method: DirectoryService.method.listUserActivities, kind: "question", attemptMs: 30_000 }, "activities", request, options);
  }

  /** GetUserRetention returns, for the users first seen in each week, how many of them were seen in the weeks after. */
  getUserRetention(request: GetUserRetentionRequest = {}, options?: CallOptions): Promise<GetUserRetentionResponse> {
    return this.#caller.unary<GetUserRetentionResponse>({ method: DirectoryService.method.getUserRetention, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * TrackEvent stores one event. A refused event fails the call with the status that belongs to the reason, so OK
   * always means stored. Concurrent calls share transactions: many calls in flight are cheap.
   */
  trackEvent(request: TrackEventRequest = {}, options?: CallOptions): Promise<TrackEventResponse> {
    return this.#caller.unary<TrackEventResponse>({ method: EventService.method.trackEvent, kind: "events", attemptMs: 10_000 }, request, options);
  }

  /**
   * TrackEvents stores up to 1,000 events (4 MiB). The call succeeds whenever the server understood it, even if every
   * event was refused: read the results. A refused event does not keep its neighbours from being stored.
   */
  trackEvents(request: TrackEventsRequest = {}, options?: CallOptions): Promise<TrackEventsResponse> {
    return this.#caller.unary<TrackEventsResponse>({ method: EventService.method.trackEvents, kind: "events", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListEvents returns raw events with all that they carry, newest or oldest first: those of a period, or those that a
   * figure was counted from. Needs the scope events.
   */
  listEvents(request: ListEventsRequest = {}, options?: CallOptions): Promise<ListEventsResponse> {
    return this.#caller.unary<ListEventsResponse>({ method: EventService.method.listEvents, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `rows` of listEvents, page after page; `pageSize` says how many are fetched at once. */
  listEventsAll(request: ListEventsRequest = {}, options?: CallOptions): AsyncGenerator<EventRow, void, undefined> {
    return this.#caller.pages<EventRow>({ method: EventService.method.listEvents, kind: "question", attemptMs: 30_000 }, "rows", request, options);
  }

  /**
   * CorrectEvents makes stored events what they should have been: all of each is replaced by what is sent under the same
   * event_id. What an event has added to figures is taken out and what it adds now is put in, in one revision, also of
   * periods long past; conversations, leads and users are made anew from their events. Each event gets its own result,
   * and a call that is repeated changes nothing. What the event was is kept for as long as raw events are (GetEvent).
   * A retry of the event as it was first sent stays a DUPLICATE. Events whose raw events are no longer kept cannot be
   * corrected (RAW_EVENTS_GONE), nor can those that describe agents (EVENT_NOT_CORRECTABLE): send agent.updated. Needs
   * the scope correct.
   */
  correctEvents(request: CorrectEventsRequest = {}, options?: CallOptions): Promise<CorrectEventsResponse> {
    return this.#caller.unary<CorrectEventsResponse>({ method: EventService.method.correctEvents, kind: "correction", attemptMs: 30_000 }, request, options);
  }

  /**
   * RetractEvents takes events out of all figures, as if they had never been sent. Their ids stay taken: whoever sends
   * one again gets DUPLICATE. What an event was is kept for as long as raw events are (GetEvent). Needs the scope correct.
   */
  retractEvents(request: RetractEventsRequest = {}, options?: CallOptions): Promise<RetractEventsResponse> {
    return this.#caller.unary<RetractEventsResponse>({ method: EventService.method.retractEvents, kind: "correction", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetEvent returns a stored event, and what it was before it was corrected or retracted. An id that no event has, or
   * whose raw event is no longer kept, is refused (EVENT_NOT_FOUND). Needs the scope events.
   */
  getEvent(request: GetEventRequest = {}, options?: CallOptions): Promise<GetEventResponse> {
    return this.#caller.unary<GetEventResponse>({ method: EventService.method.getEvent, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ExportMetrics makes a file of the answer to a question: all rows of it, of one revision, whatever page_size it has. It
   * needs the scope of the question's RPC.
   */
  exportMetrics(request: ExportMetricsRequest = {}, options?: StreamOptions): AsyncGenerator<ExportMetricsResponse, void, undefined> {
    return this.#caller.serverStream<ExportMetricsResponse>({ method: ExportService.method.exportMetrics, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ExportRows makes a file of the rows of a list, from its first page to its last one. Events and entries of the audit
   * trail go page by page, of one revision, and can be resumed. Other lists are of one instant, and cannot. It needs the
   * scope of the list's RPC.
   */
  exportRows(request: ExportRowsRequest = {}, options?: StreamOptions): AsyncGenerator<ExportRowsResponse, void, undefined> {
    return this.#caller.serverStream<ExportRowsResponse>({ method: ExportService.method.exportRows, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetForecast returns what a metric is expected to be in the next hours, days, weeks or months, with intervals, the
   * errors of such forecasts in the past, what the running month and quarter will come to, and when a limit is reached.
   * It needs the scope read.
   */
  getForecast(request: GetForecastRequest = {}, options?: CallOptions): Promise<GetForecastResponse> {
    return this.#caller.unary<GetForecastResponse>({ method: ForecastService.method.getForecast, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetChurn returns how many of the users who were seen are expected to come back, and how right such expectations were
   * for the last days, held out. It needs the scope read. DirectoryService.GetUserRetention has how many did come back.
   */
  getChurn(request: GetChurnRequest = {}, options?: CallOptions): Promise<GetChurnResponse> {
    return this.#caller.unary<GetChurnResponse>({ method: ForecastService.method.getChurn, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListUsersAtRisk returns a page of the users who came regularly and may have left, those who came most first. It needs
   * the scope events.
   */
  listUsersAtRisk(request: ListUsersAtRiskRequest = {}, options?: CallOptions): Promise<ListUsersAtRiskResponse> {
    return this.#caller.unary<ListUsersAtRiskResponse>({ method: ForecastService.method.listUsersAtRisk, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `users` of listUsersAtRisk, page after page; `pageSize` says how many are fetched at once. */
  listUsersAtRiskAll(request: ListUsersAtRiskRequest = {}, options?: CallOptions): AsyncGenerator<UserAtRisk, void, undefined> {
    return this.#caller.pages<UserAtRisk>({ method: ForecastService.method.listUsersAtRisk, kind: "question", attemptMs: 30_000 }, "users", request, options);
  }

  /**
   * EraseUser begins to erase a person and returns how far that is. Figures stay as they are: an alias takes the place
   * of the id, and answers that name a user show "_erased". Once the call has returned, nothing is stored any more under
   * the id, on any server: later events are stored under the alias, without properties and what is personal, or refused
   * (USER_ERASED), as the organization has chosen.
   *
   * A person can be erased before there is any event of theirs: the receipt is then empty, and later events are treated
   * the same way. Calling again with the same id returns the same erasure and begins nothing, so it is safe to retry.
   */
  eraseUser(request: EraseUserRequest = {}, options?: CallOptions): Promise<EraseUserResponse> {
    return this.#caller.unary<EraseUserResponse>({ method: PrivacyService.method.eraseUser, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetErasure returns how far an erasure is and, once it is done, its receipt. If the organization has no such erasure,
   * the call fails with NOT_FOUND (ERASURE_NOT_FOUND).
   */
  getErasure(request: GetErasureRequest = {}, options?: CallOptions): Promise<GetErasureResponse> {
    return this.#caller.unary<GetErasureResponse>({ method: PrivacyService.method.getErasure, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * ExportUser returns all that is kept about a person as lines of JSON, as of one instant, and a last line with their
   * numbers. Of a person of whom nothing is kept that line is the only one.
   */
  exportUser(request: ExportUserRequest = {}, options?: StreamOptions): AsyncGenerator<ExportUserResponse, void, undefined> {
    return this.#caller.serverStream<ExportUserResponse>({ method: PrivacyService.method.exportUser, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateReport stores a new report. The call fails with RESOURCE_EXHAUSTED (REPORT_LIMIT) if its owner has 200 reports,
   * or the organization 1,000.
   */
  createReport(request: CreateReportRequest = {}, options?: CallOptions): Promise<CreateReportResponse> {
    return this.#caller.unary<CreateReportResponse>({ method: ReportService.method.createReport, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetReport returns a report, as it is or as an earlier version was. If there is none of this id that the caller may
   * see, or no longer that version, the call fails with NOT_FOUND (REPORT_NOT_FOUND).
   */
  getReport(request: GetReportRequest = {}, options?: CallOptions): Promise<GetReportResponse> {
    return this.#caller.unary<GetReportResponse>({ method: ReportService.method.getReport, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListReports returns all reports that the caller may see, without their blocks: by title. */
  listReports(request: ListReportsRequest = {}, options?: CallOptions): Promise<ListReportsResponse> {
    return this.#caller.unary<ListReportsResponse>({ method: ReportService.method.listReports, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * UpdateReport stores a new version of a report, as a whole. If the etag is not that of the newest version, the call
   * fails with FAILED_PRECONDITION (ETAG_MISMATCH), so that nobody overwrites what somebody else has changed.
   */
  updateReport(request: UpdateReportRequest = {}, options?: CallOptions): Promise<UpdateReportResponse> {
    return this.#caller.unary<UpdateReportResponse>({ method: ReportService.method.updateReport, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** DeleteReport deletes a report with all its versions, schedules, runs and files. */
  deleteReport(request: DeleteReportRequest = {}, options?: CallOptions): Promise<DeleteReportResponse> {
    return this.#caller.unary<DeleteReportResponse>({ method: ReportService.method.deleteReport, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * ListReportVersions returns the versions of a report, newest first: the newest 50 are kept. To go back to one, get it
   * and store it again.
   */
  listReportVersions(request: ListReportVersionsRequest = {}, options?: CallOptions): Promise<ListReportVersionsResponse> {
    return this.#caller.unary<ListReportVersionsResponse>({ method: ReportService.method.listReportVersions, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListReportTemplates returns reports to begin with. To use one, create it. */
  listReportTemplates(request: ListReportTemplatesRequest = {}, options?: CallOptions): Promise<ListReportTemplatesResponse> {
    return this.#caller.unary<ListReportTemplatesResponse>({ method: ReportService.method.listReportTemplates, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /**
   * RunReport queues a run of a report, which a worker makes. The call fails with FAILED_PRECONDITION (FORMAT_NOT_INSTALLED) if
   * the deployment cannot write a format that the run needs, and with RESOURCE_EXHAUSTED (REPORT_LIMIT) if 100 runs of the
   * organization have not ended.
   */
  runReport(request: RunReportRequest = {}, options?: CallOptions): Promise<RunReportResponse> {
    return this.#caller.unary<RunReportResponse>({ method: ReportService.method.runReport, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * GetReportRun returns a run with its state and its files. If there is none of this id that the caller may see, the call
   * fails with NOT_FOUND (REPORT_RUN_NOT_FOUND).
   */
  getReportRun(request: GetReportRunRequest = {}, options?: CallOptions): Promise<GetReportRunResponse> {
    return this.#caller.unary<GetReportRunResponse>({ method: ReportService.method.getReportRun, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** ListReportRuns returns runs that the caller may see, newest first, a page at a time. */
  listReportRuns(request: ListReportRunsRequest = {}, options?: CallOptions): Promise<ListReportRunsResponse> {
    return this.#caller.unary<ListReportRunsResponse>({ method: ReportService.method.listReportRuns, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** All `runs` of listReportRuns, page after page; `pageSize` says how many are fetched at once. */
  listReportRunsAll(request: ListReportRunsRequest = {}, options?: CallOptions): AsyncGenerator<ReportRun, void, undefined> {
    return this.#caller.pages<ReportRun>({ method: ReportService.method.listReportRuns, kind: "question", attemptMs: 30_000 }, "runs", request, options);
  }

  /** CancelReportRun ends a run that has not ended. One that has ended stays what it is. */
  cancelReportRun(request: CancelReportRunRequest = {}, options?: CallOptions): Promise<CancelReportRunResponse> {
    return this.#caller.unary<CancelReportRunResponse>({ method: ReportService.method.cancelReportRun, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * DownloadReport sends a file of a run: first what it is, then its bytes. Whoever has all bytes compares their SHA-256
   * with that of the first message. A run that has no such file (any more) is answered with NOT_FOUND
   * (REPORT_FILE_NOT_FOUND).
   */
  downloadReport(request: DownloadReportRequest = {}, options?: StreamOptions): AsyncGenerator<DownloadReportResponse, void, undefined> {
    return this.#caller.serverStream<DownloadReportResponse>({ method: ReportService.method.downloadReport, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * CreateReportSchedule stores when a report runs by itself. Whoever may change the report may do so; one that sends its
   * files needs the scope edit (SCOPE_MISSING). The call fails with RESOURCE_EXHAUSTED (REPORT_LIMIT) if the report has 20
   * schedules.
   */
  createReportSchedule(request: CreateReportScheduleRequest = {}, options?: CallOptions): Promise<CreateReportScheduleResponse> {
    return this.#caller.unary<CreateReportScheduleResponse>({ method: ReportService.method.createReportSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * UpdateReportSchedule changes a schedule, as a whole, as CreateReportSchedule would store it. Its next run is the first
   * after the change.
   */
  updateReportSchedule(request: UpdateReportScheduleRequest = {}, options?: CallOptions): Promise<UpdateReportScheduleResponse> {
    return this.#caller.unary<UpdateReportScheduleResponse>({ method: ReportService.method.updateReportSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** DeleteReportSchedule deletes a schedule. Runs that it has made stay. */
  deleteReportSchedule(request: DeleteReportScheduleRequest = {}, options?: CallOptions): Promise<DeleteReportScheduleResponse> {
    return this.#caller.unary<DeleteReportScheduleResponse>({ method: ReportService.method.deleteReportSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ListReportSchedules returns the schedules that the caller may see, by the time of their next run. */
  listReportSchedules(request: ListReportSchedulesRequest = {}, options?: CallOptions): Promise<ListReportSchedulesResponse> {
    return this.#caller.unary<ListReportSchedulesResponse>({ method: ReportService.method.listReportSchedules, kind: "question", attemptMs: 30_000 }, request, options);
  }

  /** PauseReportSchedule keeps a schedule from running until it is resumed. */
  pauseReportSchedule(request: PauseReportScheduleRequest = {}, options?: CallOptions): Promise<PauseReportScheduleResponse> {
    return this.#caller.unary<PauseReportScheduleResponse>({ method: ReportService.method.pauseReportSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /** ResumeReportSchedule lets a schedule go on. What passed meanwhile is caught up as catch_up says. */
  resumeReportSchedule(request: ResumeReportScheduleRequest = {}, options?: CallOptions): Promise<ResumeReportScheduleResponse> {
    return this.#caller.unary<ResumeReportScheduleResponse>({ method: ReportService.method.resumeReportSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }

  /**
   * RunReportSchedule makes a run of a schedule now, beside those that are due. Whoever sees the report may do so; where
   * the files are sent, whoever may change it.
   */
  runReportSchedule(request: RunReportScheduleRequest = {}, options?: CallOptions): Promise<RunReportScheduleResponse> {
    return this.#caller.unary<RunReportScheduleResponse>({ method: ReportService.method.runReportSchedule, kind: "change", attemptMs: 30_000 }, request, options);
  }
}
