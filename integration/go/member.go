package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What members.py tells a member of a consumer group.
type membership struct {
	Bootstrap string            `json:"bootstrap"`
	Group     string            `json:"group"`
	Topic     string            `json:"topic"`
	Instance  string            `json:"instance"`
	Session   int               `json:"session"`
	Heartbeat int               `json:"heartbeat"`
	Config    map[string]string `json:"config"`
}

func millis(count int) time.Duration { return time.Duration(count) * time.Millisecond }

var saying sync.Mutex

func say(key string, value any) {
	saying.Lock()
	defer saying.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{key: value}); err != nil {
		panic(err)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// untilTold gives a context that ends with the first line of stdin.
func untilTold() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		cancel()
	}()
	return ctx
}

func runFranz(told membership) {
	owned := map[int32]bool{}
	sayOwned := func() {
		partitions := []int32{}
		for partition := range owned {
			partitions = append(partitions, partition)
		}
		say("assigned", partitions)
	}
	lose := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		for _, partition := range lost[told.Topic] {
			delete(owned, partition)
		}
		sayOwned()
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(told.Bootstrap), kgo.ConsumerGroup(told.Group), kgo.ConsumeTopics(told.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(millis(told.Session)), kgo.HeartbeatInterval(millis(told.Heartbeat)),
		kgo.FetchMaxWait(100 * time.Millisecond), kgo.OnPartitionsRevoked(lose), kgo.OnPartitionsLost(lose),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) {
			for _, partition := range got[told.Topic] {
				owned[partition] = true
			}
			sayOwned()
		}),
	}
	if told.Instance != "" {
		options = append(options, kgo.InstanceID(told.Instance))
	}
	if told.Config["group.protocol"] == "consumer" {
		options = append(options, kgo.ServerSideBalancer())
	}
	if strings.HasPrefix(told.Topic, "^") {
		options = append(options, kgo.ConsumeRegex())
	}
	if told.Config["balancer"] == "range" {
		options = append(options, kgo.Balancers(kgo.RangeBalancer()))
	}
	client, err := kgo.NewClient(options...)
	check(err)
	for ctx := untilTold(); ctx.Err() == nil; client.AllowRebalance() {
		values := []string{}
		client.PollFetches(ctx).EachRecord(func(record *kgo.Record) { values = append(values, string(record.Value)) })
		if len(values) != 0 {
			say("values", values)
		}
	}
	check(client.CommitUncommittedOffsets(context.Background()))
	client.CloseAllowingRebalance()
}

type saramaHandler struct{ ends context.Context }

func (handler saramaHandler) Setup(session sarama.ConsumerGroupSession) error {
	owned := []int32{}
	for _, partitions := range session.Claims() {
		owned = append(owned, partitions...)
	}
	say("assigned", owned)
	return nil
}

func (handler saramaHandler) Cleanup(session sarama.ConsumerGroupSession) error {
	if handler.ends.Err() != nil {
		session.Commit()
	} else {
		say("assigned", []int32{})
	}
	return nil
}

func (handler saramaHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-handler.ends.Done():
			return nil
		case <-session.Context().Done():
			return nil
		case message, isOpen := <-claim.Messages():
			if !isOpen {
				return nil
			}
			say("values", []string{string(message.Value)})
			session.MarkMessage(message, "")
		}
	}
}

func runSarama(told membership) {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = millis(told.Session)
	config.Consumer.Group.Heartbeat.Interval = millis(told.Heartbeat)
	config.Consumer.Group.InstanceId = told.Instance
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	group, err := sarama.NewConsumerGroup([]string{told.Bootstrap}, told.Group, config)
	check(err)
	ends := untilTold()
	for ends.Err() == nil {
		check(group.Consume(context.Background(), []string{told.Topic}, saramaHandler{ends}))
	}
	check(group.Close())
}

// runMember is a member of a consumer group until it is told to leave.
func runMember(library, told string) {
	var member membership
	check(json.Unmarshal([]byte(told), &member))
	if library == "sarama" {
		runSarama(member)
	} else {
		runFranz(member)
	}
}
