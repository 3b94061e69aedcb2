// Made by protos/generate.py from the contract. Do not edit.
/**
 * The published gRPC service config, for calls by plain stubs: timeouts and retries of each method.
 * The client itself does not use it, since it makes its own retries.
 */
export const serviceConfig = {
  "methodConfig": [
    {
      "name": [{ "service": "tallywire.v1.EventService", "method": "TrackEvent" }],
      "timeout": "10s",
      "waitForReady": true,
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
      }
    },
    {
      "name": [
        { "service": "tallywire.v1.EventService", "method": "TrackEvents" },
        { "service": "tallywire.v1.EventService", "method": "CorrectEvents" }
      ],
      "timeout": "30s",
      "waitForReady": true,
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
      }
    },
    {
      "name": [{ "service": "tallywire.v1.EventService", "method": "StreamEvents" }],
      "waitForReady": true,
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["CANCELLED"]
      }
    },
    {
      "name": [
        { "service": "tallywire.v1.MetricsService" },
        { "service": "tallywire.v1.EventService", "method": "ListEvents" },
        { "service": "tallywire.v1.EventService", "method": "GetEvent" },
        { "service": "tallywire.v1.CampaignService" },
        { "service": "tallywire.v1.DirectoryService", "method": "ListAgents" },
        { "service": "tallywire.v1.DirectoryService", "method": "GetAgent" },
        { "service": "tallywire.v1.DirectoryService", "method": "ListContentGaps" },
        { "service": "tallywire.v1.DirectoryService", "method": "GetContentGap" },
        { "service": "tallywire.v1.DirectoryService", "method": "ListConversations" },
        { "service": "tallywire.v1.DirectoryService", "method": "GetConversation" },
        { "service": "tallywire.v1.DirectoryService", "method": "ListLeads" },
        { "service": "tallywire.v1.DirectoryService", "method": "GetLead" },
        { "service": "tallywire.v1.DirectoryService", "method": "ListUsers" },
        { "service": "tallywire.v1.DirectoryService", "method": "GetUser" },
        { "service": "tallywire.v1.DirectoryService", "method": "ListUserActivities" },
        { "service": "tallywire.v1.DirectoryService", "method": "GetUserRetention" },
        { "service": "tallywire.v1.LeaderboardService" },
        { "service": "tallywire.v1.FunnelService", "method": "QueryFunnel" }
      ],
      "timeout": "30s",
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
      }
    },
    {
      "name": [
        { "service": "tallywire.v1.CustomMetricService", "method": "GetCustomMetric" },
        { "service": "tallywire.v1.CustomMetricService", "method": "ListCustomMetrics" },
        { "service": "tallywire.v1.RealtimeService", "method": "GetRealtimeMetrics" },
        { "service": "tallywire.v1.FunnelService", "method": "GetFunnel" },
        { "service": "tallywire.v1.FunnelService", "method": "ListFunnels" },
        { "service": "tallywire.v1.PrivacyService", "method": "GetErasure" },
        { "service": "tallywire.v1.AuditService", "method": "ListAuditEntries" },
        { "service": "tallywire.v1.AccountService", "method": "GetSession" },
        { "service": "tallywire.v1.AccountService", "method": "GetPreferences" },
        { "service": "tallywire.v1.AccountService", "method": "ListOwnSessions" },
        { "service": "tallywire.v1.AdminService", "method": "GetOrganization" },
        { "service": "tallywire.v1.AdminService", "method": "GetOrganizationDeletion" },
        { "service": "tallywire.v1.AdminService", "method": "ListOrganizations" },
        { "service": "tallywire.v1.AdminService", "method": "ListKeys" },
        { "service": "tallywire.v1.AdminService", "method": "ListSessions" },
        { "service": "tallywire.v1.AdminService", "method": "ListRoles" },
        { "service": "tallywire.v1.AdminService", "method": "ListMembers" },
        { "service": "tallywire.v1.AdminService", "method": "GetMember" },
        { "service": "tallywire.v1.AdminService", "method": "ListTasks" },
        { "service": "tallywire.v1.AdminService", "method": "ListSchedules" },
        { "service": "tallywire.v1.AdminService", "method": "GetUsage" },
        { "service": "tallywire.v1.AdminService", "method": "ListUsage" },
        { "service": "tallywire.v1.DashboardService", "method": "GetDashboard" },
        { "service": "tallywire.v1.DashboardService", "method": "ListDashboards" },
        { "service": "tallywire.v1.DashboardService", "method": "ListDashboardVersions" },
        { "service": "tallywire.v1.DashboardService", "method": "ListDashboardTemplates" },
        { "service": "tallywire.v1.DeliveryService", "method": "GetDestination" },
        { "service": "tallywire.v1.DeliveryService", "method": "ListDestinations" },
        { "service": "tallywire.v1.DeliveryService", "method": "ListDeliveries" },
        { "service": "tallywire.v1.DeliveryService", "method": "GetDelivery" },
        { "service": "tallywire.v1.DeliveryService", "method": "CreateDownloadLink" },
        { "service": "tallywire.v1.DeliveryService", "method": "ReadDownload" },
        { "service": "tallywire.v1.ReportService", "method": "GetReport" },
        { "service": "tallywire.v1.ReportService", "method": "ListReports" },
        { "service": "tallywire.v1.ReportService", "method": "ListReportVersions" },
        { "service": "tallywire.v1.ReportService", "method": "ListReportTemplates" },
        { "service": "tallywire.v1.ReportService", "method": "GetReportRun" },
        { "service": "tallywire.v1.ReportService", "method": "ListReportRuns" },
        { "service": "tallywire.v1.ReportService", "method": "ListReportSchedules" }
      ],
      "timeout": "10s",
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
      }
    },
    {
      "name": [
        { "service": "tallywire.v1.CustomMetricService", "method": "CreateCustomMetric" },
        { "service": "tallywire.v1.CustomMetricService", "method": "DeleteCustomMetric" },
        { "service": "tallywire.v1.EventService", "method": "RetractEvents" },
        { "service": "tallywire.v1.FunnelService", "method": "CreateFunnel" },
        { "service": "tallywire.v1.FunnelService", "method": "DeleteFunnel" },
        { "service": "tallywire.v1.PrivacyService", "method": "EraseUser" },
        { "service": "tallywire.v1.DirectoryService", "method": "UpdateContentGap" },
        { "service": "tallywire.v1.DirectoryService", "method": "MergeContentGaps" },
        { "service": "tallywire.v1.DirectoryService", "method": "UndoContentGapMerge" },
        { "service": "tallywire.v1.AccountService", "method": "SignIn" },
        { "service": "tallywire.v1.AccountService", "method": "SignOut" },
        { "service": "tallywire.v1.AccountService", "method": "CreateSignInCode" },
        { "service": "tallywire.v1.AccountService", "method": "CreateEmbedToken" },
        { "service": "tallywire.v1.AccountService", "method": "UpdatePreferences" },
        { "service": "tallywire.v1.AccountService", "method": "RevokeOwnSession" },
        { "service": "tallywire.v1.AccountService", "method": "RevokeOtherSessions" },
        { "service": "tallywire.v1.AdminService", "method": "CreateOrganization" },
        { "service": "tallywire.v1.AdminService", "method": "UpdateOrganization" },
        { "service": "tallywire.v1.AdminService", "method": "SuspendOrganization" },
        { "service": "tallywire.v1.AdminService", "method": "ResumeOrganization" },
        { "service": "tallywire.v1.AdminService", "method": "DeleteOrganization" },
        { "service": "tallywire.v1.AdminService", "method": "CreateKey" },
        { "service": "tallywire.v1.AdminService", "method": "RotateKey" },
        { "service": "tallywire.v1.AdminService", "method": "RevokeKey" },
        { "service": "tallywire.v1.AdminService", "method": "RevokeSession" },
        { "service": "tallywire.v1.AdminService", "method": "PutRole" },
        { "service": "tallywire.v1.AdminService", "method": "DeleteRole" },
        { "service": "tallywire.v1.AdminService", "method": "PutMember" },
        { "service": "tallywire.v1.AdminService", "method": "RemoveMember" },
        { "service": "tallywire.v1.AdminService", "method": "RetryTask" },
        { "service": "tallywire.v1.AdminService", "method": "CancelTask" },
        { "service": "tallywire.v1.AdminService", "method": "RunSchedule" },
        { "service": "tallywire.v1.AdminService", "method": "PauseSchedule" },
        { "service": "tallywire.v1.AdminService", "method": "ResumeSchedule" },
        { "service": "tallywire.v1.DashboardService", "method": "CreateDashboard" },
        { "service": "tallywire.v1.DashboardService", "method": "UpdateDashboard" },
        { "service": "tallywire.v1.DashboardService", "method": "DeleteDashboard" },
        { "service": "tallywire.v1.DashboardService", "method": "DuplicateDashboard" },
        { "service": "tallywire.v1.DeliveryService", "method": "CreateDestination" },
        { "service": "tallywire.v1.DeliveryService", "method": "UpdateDestination" },
        { "service": "tallywire.v1.DeliveryService", "method": "DeleteDestination" },
        { "service": "tallywire.v1.DeliveryService", "method": "TestDestination" },
        { "service": "tallywire.v1.DeliveryService", "method": "RotateSecret" },
        { "service": "tallywire.v1.DeliveryService", "method": "ResendDelivery" },
        { "service": "tallywire.v1.DeliveryService", "method": "ChangeMailSubscription" },
        { "service": "tallywire.v1.ReportService", "method": "CreateReport" },
        { "service": "tallywire.v1.ReportService", "method": "UpdateReport" },
        { "service": "tallywire.v1.ReportService", "method": "DeleteReport" },
        { "service": "tallywire.v1.ReportService", "method": "RunReport" },
        { "service": "tallywire.v1.ReportService", "method": "CancelReportRun" },
        { "service": "tallywire.v1.ReportService", "method": "CreateReportSchedule" },
        { "service": "tallywire.v1.ReportService", "method": "UpdateReportSchedule" },
        { "service": "tallywire.v1.ReportService", "method": "DeleteReportSchedule" },
        { "service": "tallywire.v1.ReportService", "method": "PauseReportSchedule" },
        { "service": "tallywire.v1.ReportService", "method": "ResumeReportSchedule" },
        { "service": "tallywire.v1.ReportService", "method": "RunReportSchedule" }
      ],
      "timeout": "30s",
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["CANCELLED"]
      }
    },
    {
      "name": [
        { "service": "tallywire.v1.PrivacyService", "method": "ExportUser" },
        { "service": "tallywire.v1.ReportService", "method": "DownloadReport" },
        { "service": "tallywire.v1.RealtimeService", "method": "WatchMetrics" },
        { "service": "tallywire.v1.RealtimeService", "method": "WatchUpdates" },
        { "service": "tallywire.v1.AuditService", "method": "VerifyMetrics" },
        { "service": "tallywire.v1.AuditService", "method": "RepairMetrics" },
        { "service": "tallywire.v1.ExportService", "method": "ExportMetrics" },
        { "service": "tallywire.v1.ExportService", "method": "ExportRows" }
      ],
      "waitForReady": false,
      "retryPolicy": {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["CANCELLED"]
      }
    }
  ],
  "retryThrottling": { "maxTokens": 200, "tokenRatio": 0.5 }
} as const;
