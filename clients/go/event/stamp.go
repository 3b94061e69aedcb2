package event

import "github.com/tallywire/tallywire/clients/go/tallywirev1"

// Stamp is what the events of one conversation, request or agent have in common; empty fields say nothing.
type Stamp struct {
	Agent        string
	User         string
	Conversation string
	Channel      string
	Team         string
	Campaign     string
}

// On returns a Builder of an event with those fields of the stamp that the event does not have itself.
func (s Stamp) On(e Builder) Builder {
	return stamped{e, s}
}

// Over returns this stamp, with the fields of another one where it has none.
func (s Stamp) Over(other Stamp) Stamp {
	fill(&s.Agent, other.Agent)
	fill(&s.User, other.User)
	fill(&s.Conversation, other.Conversation)
	fill(&s.Channel, other.Channel)
	fill(&s.Team, other.Team)
	fill(&s.Campaign, other.Campaign)
	return s
}

type stamped struct {
	of    Builder
	stamp Stamp
}

func (s stamped) Build() (*tallywirev1.Event, error) {
	if s.of == nil {
		return nil, &InvalidError{"event", "is nil"}
	}
	event, err := s.of.Build()
	if err != nil {
		return nil, err
	}
	fill(&event.AgentId, s.stamp.Agent)
	fill(&event.UserId, s.stamp.User)
	fill(&event.ConversationId, s.stamp.Conversation)
	fill(&event.Channel, s.stamp.Channel)
	fill(&event.TeamId, s.stamp.Team)
	fill(&event.CampaignId, s.stamp.Campaign)
	return event, nil
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}
